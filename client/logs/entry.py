"""What a line of a mail system's log says about one recipient. Pure.

Whether a bounce proves anything is decided where the webhooks decide it.
"""

import hashlib
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from client.event import BOUNCED, DELIVERED, Event
from shared.model.verdict import Report, Verdict, domain_of, judge


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line without an event; *reason* is one of a few classes, for a count of each."""

    reason: str


NOT_A_DELIVERY = Skipped("no delivery attempt")
UNREADABLE = Skipped("unreadable")
DEFERRED = Skipped("deferred")
EXPIRED = Skipped("expired")
OWN_DECISION = Skipped("refused by the sending system itself")
INSIDE = Skipped("handed to a system inside")

LogParser = Callable[[str], Iterator[Event | Skipped]]
"""Yields what one line says about each of its recipients."""


def entry_of(report: Report, line: str) -> Event | Skipped:
    """Return the event that *report* proves.

    Its id is derived from *line* and the recipient, so that reading a log again counts nothing
    twice within the key window.
    """
    match judge(report):
        case Verdict.DELIVERED:
            kind = DELIVERED
        case Verdict.BOUNCED:
            kind = BOUNCED
        case Verdict.NOTHING:
            return Skipped(f"bounce that proves nothing: {report.status or 'no status'}")
    named = f"{line.strip()}\n{report.recipient}".encode()
    key = hashlib.blake2b(named, digest_size=16).hexdigest()
    return Event(domain_of(report.recipient), kind, id=key)


def is_inside(address: str) -> bool:
    """Whether an IP address is not on the internet: a filter or relay of the sender's own."""
    try:
        return not ipaddress.ip_address(address).is_global
    except ValueError:
        return False
