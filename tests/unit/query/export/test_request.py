"""What a client may ask of an export."""

import pytest

from query.export.lines import ExportFormat
from query.export.request import ExportRequest, parse_request
from shared.errors import InputError
from shared.model.domain import DomainName
from shared.model.status import Status

Pairs = list[tuple[str, str]]


@pytest.mark.parametrize(
    ("pairs", "asked"),
    [
        ([], ExportRequest(None, ExportFormat.NDJSON, None)),
        (
            [("status", "not catch-all"), ("format", "csv"), ("cursor", "Example.COM.")],
            ExportRequest(Status.NOT_CATCH_ALL, ExportFormat.CSV, DomainName("example.com")),
        ),
    ],
)
def test_parameters_are_optional(pairs: Pairs, asked: ExportRequest) -> None:
    """Without any: every domain, as NDJSON."""
    assert parse_request(pairs) == asked


@pytest.mark.parametrize(
    "pairs",
    [
        [("status", "catchall")],
        [("status", "")],
        [("format", "CSV")],
        [("cursor", "")],
        [("cursor", "127.0.0.1")],
        [("status", "unknown"), ("status", "catch-all")],
    ],
)
def test_a_mistake_is_refused(pairs: Pairs) -> None:
    """Else a misspelt filter would download everything."""
    with pytest.raises(InputError) as refused:
        parse_request(pairs)

    assert refused.value.problem.code == "invalid_parameter"
