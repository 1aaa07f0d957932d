"""The profile ``waves``, event by event: slow, and obviously correct."""

from collections.abc import Iterator

from tests.tools.load.streams.event import Event
from tests.tools.load.streams.waves import ACTIVE_DOMAINS, lives


def waves(seed: int) -> Iterator[Event]:
    """Yield the events in the order of their due times, without end."""
    newcomers = lives(seed)

    def turns() -> Iterator[Event]:
        """Yield the events of one place: one domain after the other."""
        for life in newcomers:
            for index in range(life.events):
                yield Event(life.number, life.name, life.kind(index))

    places = [turns() for _ in range(ACTIVE_DOMAINS)]
    while True:
        for place in places:
            yield next(place)
