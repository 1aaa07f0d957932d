"""Describe the export of all domains, and their totals."""

from typing import Literal

from query.config import ExportSettings
from query.export.download import SILENCE_SECONDS
from query.export.lines import CSV_COLUMNS, LINE_FORMATS, ExportEnd, ExportFormat
from query.export.request import (
    CURSOR,
    CURSOR_FORM,
    FORMAT,
    STATUS,
    form_of,
)
from query.export.summary import Summary
from query.export.tally import Totals
from query.lookup.answer import answer_of
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.message_fields import AnyDomain
from shared.model.status import Status
from shared.openapi.requests import no_parameters, parameter
from shared.openapi.responses import (
    NO_STORE,
    Json,
    answered,
    example_of,
    header,
    operation,
    refusal,
)
from shared.openapi.schemas import answer_schemas, reference
from shared.problems import Problem

_TOTALS = Totals(1, 212, 40)
_STORE_UNAVAILABLE = refusal(Problem.STORE_UNAVAILABLE)


def export_schemas() -> Json:
    """Return the schemas of the last line of an export, and of the totals."""
    return answer_schemas(ExportEnd, Summary)


def get_domains(settings: ExportSettings, threshold: int) -> Json:
    """Return the operation that exports all domains."""
    export = answered(
        "One line per domain; the last line says whether the export is complete.",
        "",
        {},
        headers={
            "Cache-Control": NO_STORE,
            "Content-Disposition": header(
                "Proposes a file name.", type="string", pattern="^attachment; filename="
            ),
        },
    )
    export["content"] = {
        LINE_FORMATS[form].media_type: {
            "schema": {"type": "string"},
            "examples": {f"export_{form}": {"value": _example(form, threshold)}},
        }
        for form in ExportFormat
    }
    return operation(
        "traffic",
        "exportDomains",
        "All domains, as a download",
        {"200": export},
        [
            refusal(
                Problem.UNKNOWN_PARAMETER,
                {"target": "/domains?state=unknown"},
                detail=Problem.UNKNOWN_PARAMETER.explain(name='"state"'),
            ),
            refusal(
                Problem.INVALID_PARAMETER,
                {"target": "/domains?status=catchall"},
                detail=Problem.INVALID_PARAMETER.explain(name=STATUS, form=form_of(Status)),
            ),
            refusal(Problem.TOO_MANY_EXPORTS),
            refusal(Problem.EXPORTS_STOPPING),
            _STORE_UNAVAILABLE,
        ],
        description=f"""
Every domain that was ever seen, each once, in a fixed order that is not the alphabet. The counts
are exact, each domain's at some time during the download.

- NDJSON: each line is an answer as of `GET /domains/{{domain}}`, the last line an `ExportEnd`.
- CSV (RFC 4180): the columns `{CSV_COLUMNS}`; the last line is `# ` and an `ExportEnd` in JSON.

The last line has the totals per status of all domains that were read, whatever `status` is. With
`"complete": false` more domains follow: request them with its `cursor`. **A download without a
last line was interrupted:** request the rest with the domain of its last whole line as `cursor`, at
any node. A domain that is new meanwhile may be missing in the parts before it.

While a node finds no domain with the wanted status, it sends something every {SILENCE_SECONDS:g}
seconds, so that nobody takes the connection for lost: spaces in front of the next line of NDJSON,
the single bytes of a line of CSV.

A node serves {settings.max_clients} exports at a time. It sends no faster than the client reads,
drops a client that reads nothing for {settings.write_seconds:g} seconds, and ends an export with a
cursor after {settings.max_seconds / 60:g} minutes and when it stops.
""".strip(),
        parameters=[
            parameter(
                "query",
                STATUS,
                Literal["catch-all", "not catch-all", "unknown"],
                description="Only domains with this status.",
            ),
            parameter("query", FORMAT, Literal["ndjson", "csv"], description="Default: `ndjson`."),
            parameter(
                "query",
                CURSOR,
                AnyDomain,
                description=f"Only what follows this domain: {CURSOR_FORM}.",
            ),
        ],
    )


def get_summary(settings: ExportSettings) -> Json:
    """Return the operation that reads the totals."""
    summary = Summary(_TOTALS, _TOTALS.domains, 42.5)
    return operation(
        "traffic",
        "getSummary",
        "How many domains have each status",
        {
            "200": answered(
                "The totals, and how old they are.",
                "application/json",
                reference(Summary),
                headers={"Cache-Control": NO_STORE},
                examples={"totals": example_of(summary, "/summary")},
            )
        },
        [no_parameters("/summary"), refusal(Problem.NOT_COUNTED_YET), _STORE_UNAVAILABLE],
        description="The totals of this node's last scan of all domains, a complete export or one"
        " in the background. They are approximate: domains change during the scan and after it. A"
        f" request for totals older than {settings.summary_seconds / 60:g} minutes starts a scan,"
        " and is answered with the old ones.",
    )


def _example(form: ExportFormat, threshold: int) -> str:
    lines = LINE_FORMATS[form]
    answers = [
        answer_of(DomainName(domain), counters, threshold)
        for domain, counters in (
            ("example.com", Counters(threshold + 204, 0)),
            ("example.org", Counters(17, 1)),
        )
    ]
    end = lines.encode_end(_TOTALS, None, complete=True)
    return (lines.head + lines.encode(answers) + end).decode()
