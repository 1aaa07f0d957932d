"""Say when which request is due. Pure: the schedule does not know how the server is doing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.load.event import Event
from tests.load.options import Mode


class Way(StrEnum):
    """The route that a request takes."""

    PUT = "put"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Shipment:
    """The events of one request, and when it is due, in seconds from the start.

    A bulk request is due when the last of its events is.
    """

    due_seconds: float
    way: Way
    events: tuple[Event, ...]


def schedule(
    events: Iterable[Event],
    *,
    rate: float,
    mode: Mode,
    bulk_lines: int,
    random: Random,
    put_share: float = 0.5,
) -> Iterator[Shipment]:
    """Yield the requests in the order in which they are due, *rate* events a second.

    In mixed mode chance decides for each event, so that both ways meet in every domain.
    """
    lines: list[Event] = []
    due = 0.0
    for index, event in enumerate(events):
        due = index / rate
        if mode is Mode.PUT or (mode is Mode.MIXED and random.random() < put_share):
            yield Shipment(due, Way.PUT, (event,))
            continue
        lines.append(event)
        if len(lines) == bulk_lines:
            yield Shipment(due, Way.BULK, tuple(lines))
            lines.clear()
    if lines:
        yield Shipment(due, Way.BULK, tuple(lines))
