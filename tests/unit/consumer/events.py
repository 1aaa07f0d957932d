"""Events in few words."""

from shared.domain import DomainName
from shared.event import Event, EventKind

A = DomainName("a.example")
B = DomainName("b.example")
C = DomainName("c.example")


def delivered(domain: DomainName, count: int = 1) -> Event:
    """Return *count* deliveries to *domain*."""
    return Event(domain, EventKind.DELIVERED, count)


def bounced(domain: DomainName, count: int = 1) -> Event:
    """Return *count* bounces of *domain*."""
    return Event(domain, EventKind.BOUNCED, count)
