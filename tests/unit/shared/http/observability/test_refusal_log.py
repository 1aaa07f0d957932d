"""How many refusals are logged, and with which fields."""

from structlog.testing import capture_logs

from shared.http.observability.refusal_log import LINES_PER_SECOND, RefusalLog
from tests.fakes.clock import Clock


def refuse(log: RefusalLog, times: int, code: str = "node_full") -> None:
    """Log *times* refusals."""
    for number in range(times):
        if log.permits(code):
            log.write(code, 503, "PUT", "/events/{domain}/bounced", f"r-{number}")


def test_a_line_has_the_request_the_route_and_the_reason() -> None:
    """The route is the template: the path itself comes from the client."""
    with capture_logs() as lines:
        refuse(RefusalLog(Clock()), 1)

    assert lines == [
        {
            "event": "refused",
            "log_level": "info",
            "request_id": "r-0",
            "code": "node_full",
            "status": 503,
            "method": "PUT",
            "route": "/events/{domain}/bounced",
            "left_out": 0,
        }
    ]


def test_a_flood_is_a_few_lines_a_second_with_the_number_of_the_others() -> None:
    """One code's flood hides no other code."""
    clock = Clock()
    log = RefusalLog(clock)
    with capture_logs() as flood:
        refuse(log, 1000)
        refuse(log, 1, "empty_domain")
    clock.now += 1.0
    with capture_logs() as after:
        refuse(log, 2)

    assert [line["code"] for line in flood] == ["node_full"] * LINES_PER_SECOND + ["empty_domain"]
    assert [line["left_out"] for line in after] == [1000 - LINES_PER_SECOND, 0]
