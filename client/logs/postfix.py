"""Read Postfix's log: the lines of ``postfix/smtp``, one per recipient and attempt. Pure.

Postfix writes ``to=<...>, relay=host[address]:port, ..., dsn=5.1.1, status=bounced (host ...
said: 550 5.1.1 ...)`` (src/global/log_adhoc.c, src/smtp/smtp_proto.c). Without "said:" Postfix
itself refused. The log of a Postfix that hands all mail to a smarthost proves nothing.
"""

import re
from collections.abc import Iterator

from client.event import Event
from client.logs.entry import (
    DEFERRED,
    EXPIRED,
    INSIDE,
    NOT_A_DELIVERY,
    OWN_DECISION,
    UNREADABLE,
    Skipped,
    entry_of,
    is_inside,
)
from shared.model.verdict import Report

_ATTEMPT = re.compile(
    r" postfix(?:[\w.-]*/)(?:[\w.-]+/)?smtp\[\d+\]: (?:\[ID \d+ [\w.]+\] )?\w+:"
    r" to=<(?P<to>.*?)>,(?: orig_to=<.*?>,)? relay=(?P<relay>[^,]*),"
    r".*? dsn=(?P<dsn>\d\.\d{1,3}\.\d{1,3}), status=(?P<status>[\w-]+)(?: \((?P<text>.*)\))?\s*$"
)
_LOOKS_LIKE_ONE = re.compile(r"/smtp\[\d+\]: .* status=")
_ADDRESS = re.compile(r"\[([^\]]+)\]")
_SAID = re.compile(r"^host \S+ (?:said|refused to talk to me): ")


def parse_line(line: str) -> Iterator[Event | Skipped]:
    """Yield what *line* says: one event or reason."""
    found = _ATTEMPT.search(line)
    if found is None:
        yield UNREADABLE if _LOOKS_LIKE_ONE.search(line) else NOT_A_DELIVERY
        return
    relay = _ADDRESS.search(found["relay"])
    text = found["text"] or ""
    match found["status"]:
        case "sent" | "bounced" if relay is None:
            yield OWN_DECISION
        case "sent" | "bounced" if relay is not None and is_inside(relay[1]):
            yield INSIDE
        case "sent":
            yield entry_of(Report(found["to"], delivered=True), line)
        case "bounced" if said := _SAID.match(text):
            report = Report(
                found["to"], permanent=True, status=found["dsn"], text=text[said.end() :]
            )
            yield entry_of(report, line)
        case "bounced":
            yield OWN_DECISION
        case "deferred":
            yield DEFERRED
        case "expired":
            yield EXPIRED
        case _:
            yield NOT_A_DELIVERY
