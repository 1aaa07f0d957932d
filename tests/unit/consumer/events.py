"""Events in few words."""

from consumer.counting.superseded import Retention
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind

A = DomainName("a.example")
B = DomainName("b.example")
C = DomainName("c.example")
RETENTION = Retention(own_seconds=60.0, others_seconds=3600.0)


def delivered(domain: DomainName, count: int = 1) -> Event:
    """Return *count* deliveries to *domain*."""
    return Event(domain, EventKind.DELIVERED, count)


def bounced(domain: DomainName, count: int = 1) -> Event:
    """Return *count* bounces of *domain*."""
    return Event(domain, EventKind.BOUNCED, count)
