"""What ``deploy.forget`` reads, and the row that makes all rows of a domain count nothing."""

import uuid

import pytest

from consumer.counting.rows.writer_rows import RowIncrement, StoredRow
from deploy.forget import forgetting_row, parse_arguments
from shared.errors import PipelineError
from shared.model.domain import DomainName

DOMAIN = DomainName("slandered.example")
END = 20


def writer(second: int) -> bytes:
    """Return the identity of a row that was started at *second*, 0 to 9."""
    return uuid.UUID(f"{second}0000000-0000-1000-8000-010000000000").bytes


@pytest.mark.parametrize(
    ("applied", "expected"),
    [
        pytest.param([], END, id="nothing is counted yet"),
        pytest.param([5, 9], END, id="some is counted"),
        pytest.param([END], END, id="all is counted"),
        pytest.param([30], 30, id="a stale leader reported the end"),
    ],
)
def test_nothing_counts_below_the_end_of_the_log(applied: list[int], expected: int) -> None:
    """Nor below what is counted already."""
    rows = [StoredRow(DOMAIN.encode(), writer(1), 3, 4, offset) for offset in applied]
    row = forgetting_row(DOMAIN, rows, END, writer(2))
    assert row == RowIncrement(DOMAIN.encode(), writer(2), 0, 0, expected)


def test_a_clock_behind_that_of_a_worker_is_refused_where_it_matters() -> None:
    """Of two rows that count equally far, the one started last wins."""
    row = StoredRow(DOMAIN.encode(), writer(3), 3, 4, END)
    with pytest.raises(PipelineError, match="behind that of a worker"):
        forgetting_row(DOMAIN, [row], END, writer(2))
    assert forgetting_row(DOMAIN, [row], END + 1, writer(2)).applied_offset == END + 1


def test_text_that_is_not_a_domain_is_refused_before_anything_happens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit status 2, with the text and the reason; the other domains are not forgotten either."""
    with pytest.raises(SystemExit) as stopped:
        parse_arguments(["example.com", "not a domain"])
    assert stopped.value.code == 2
    assert "not a domain" in capsys.readouterr().err


def test_domains_are_forgotten_in_their_one_spelling() -> None:
    """The rows have no other."""
    assert parse_arguments(["Example.COM."]).domain == ["example.com"]
