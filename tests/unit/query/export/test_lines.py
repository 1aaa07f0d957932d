"""How an export looks, line by line."""

import pytest

from query.export.lines import LINE_FORMATS, ExportFormat
from query.export.tally import Tally
from query.lookup.answer import answer_of
from shared.model.counter import Counters
from shared.model.domain import DomainName

ANSWERS = [
    answer_of(DomainName("a.example"), Counters(1001, 0), 1000),
    answer_of(DomainName("xn--bcher-kva.example"), Counters(5, 1), 1000),
    answer_of(DomainName("c.example"), Counters(1000, 0), 1000),
]
NDJSON = (
    b'{"domain":"a.example","status":"catch-all","delivered":1001,"bounced":0,"threshold":1000,'
    b'"reason":"more_than_threshold_delivered"}\n'
    b'{"domain":"xn--bcher-kva.example","status":"not catch-all","delivered":5,"bounced":1,'
    b'"threshold":1000,"reason":"bounced"}\n'
    b'{"domain":"c.example","status":"unknown","delivered":1000,"bounced":0,"threshold":1000,'
    b'"reason":"not_enough_data"}\n'
)
CSV = (
    b"domain,status,delivered,bounced,threshold,reason\r\n"
    b"a.example,catch-all,1001,0,1000,more_than_threshold_delivered\r\n"
    b"xn--bcher-kva.example,not catch-all,5,1,1000,bounced\r\n"
    b"c.example,unknown,1000,0,1000,not_enough_data\r\n"
)
TOTALS = b'"totals":{"catch-all":1,"not catch-all":1,"unknown":1}'


@pytest.mark.parametrize(
    ("form", "text"), [(ExportFormat.NDJSON, NDJSON), (ExportFormat.CSV, CSV)], ids=str
)
@pytest.mark.parametrize("complete", [True, False])
def test_lines_are_answers_and_the_last_line_has_the_totals(
    form: ExportFormat, text: bytes, *, complete: bool
) -> None:
    """Only an incomplete export has a cursor."""
    lines, tally = LINE_FORMATS[form], Tally()
    tally.add(ANSWERS)
    mark = b"# " if form is ExportFormat.CSV else b""
    rest = b'true,%s,"cursor":null' if complete else b'false,%s,"cursor":"c.example"'

    end = lines.encode_end(tally.totals, DomainName("c.example"), complete=complete)

    assert lines.head + lines.encode(ANSWERS) == text
    assert end == mark + b'{"complete":' + rest % TOTALS + b"}\n"
