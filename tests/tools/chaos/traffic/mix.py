"""Mix the profiles into one stream of requests, some with keys, some repeated. Pure."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from random import Random

from tests.tools.load.streams.event import Event, Kind, Outcome
from tests.tools.load.streams.stream import events_of
from tests.tools.load.streams.waves_stream import WavesStream
from tests.tools.load.streams.wide_stream import WideStream

WIDE_DOMAINS = 5_000
WIDE_EXPONENT = 1.0
WAVES_SHARE = 0.7
"""Share of events: those of ``wide`` rarely share a domain, so that each costs an update."""
KEYED_SHARE = 0.2
OTHER_SPELLING_SHARE = 0.1
PUT_SHARE = 0.25
"""Share of events; a PUT costs every part of the system many times as much as a bulk line."""
COUNTED_SHARE = 0.2
"""Share of bulk lines with a count above 1."""
MOST_COUNT = 20
BULK_LINES = (2, 40)
MOST_REPEATS = 3
# How often a sender repeats an event with a key, by its known outcome.
REPEATED_SHARE = {Outcome.ACCEPTED: 0.25, Outcome.REFUSED: 0.7, Outcome.UNANSWERED: 0.95}
REPEAT_AFTER_SECONDS = (0.0, 6.0)


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it is sent."""

    domain: str
    kind: Kind
    count: int = 1
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """The events of one request; a single event with count 1 may go by PUT."""

    drafts: tuple[Draft, ...]
    by_put: bool


class Mix:
    """The stream of one run; ``parcels`` may be iterated once."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"mix {seed}")
        self._waves = events_of(WavesStream(seed))
        self._wide = events_of(WideStream(seed, WIDE_DOMAINS, WIDE_EXPONENT))
        self._prefix = f"{seed:x}"
        self._keys = count()

    def parcels(self) -> Iterator[Parcel]:
        """Yield the requests in order, without end."""
        random = self._random
        lines: list[Draft] = []
        wanted = random.randint(*BULK_LINES)
        while True:
            if random.random() < PUT_SHARE:
                yield Parcel((self._draft(counted=False),), by_put=True)
                continue
            lines.append(self._draft(counted=random.random() < COUNTED_SHARE))
            if len(lines) == wanted:
                yield Parcel(tuple(lines), by_put=False)
                lines.clear()
                wanted = random.randint(*BULK_LINES)

    def _draft(self, *, counted: bool) -> Draft:
        random = self._random
        event: Event = next(self._waves if random.random() < WAVES_SHARE else self._wide)
        other = random.random() < OTHER_SPELLING_SHARE
        key = f"{self._prefix}-{next(self._keys)}" if random.random() < KEYED_SHARE else None
        return Draft(
            event.name.swapcase() if other else event.name,
            event.kind,
            random.randint(2, MOST_COUNT) if counted else 1,
            key,
        )


class Repeats:
    """The events with keys that their senders repeat, and when.

    A repeat is the same event with the same key, in any spelling, by either route and to either
    node: as an honest sender does without an answer, and a careless one even with an answer.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(f"repeats {seed}")
        self._due: list[tuple[float, int, Draft]] = []
        self._order = count()
        self._sent: dict[str, int] = {}
        self.made = 0
        """The number of repeats so far."""

    def record(self, draft: Draft, outcome: Outcome, now: float) -> None:
        """Record the outcome of *draft*; it may be repeated."""
        if draft.key is None:
            return
        sent = self._sent[draft.key] = self._sent.get(draft.key, 0) + 1
        if sent > MOST_REPEATS or self._random.random() >= REPEATED_SHARE[outcome]:
            return
        due = now + self._random.uniform(*REPEAT_AFTER_SECONDS)
        heapq.heappush(self._due, (due, next(self._order), draft))

    def take_due(self, now: float) -> list[Parcel]:
        """Return the repeats that are due."""
        drafts = []
        while self._due and self._due[0][0] <= now:
            drafts.append(heapq.heappop(self._due)[2])
        self.made += len(drafts)
        return list(self._wrap(drafts))

    def _wrap(self, drafts: list[Draft]) -> Iterator[Parcel]:
        lines = []
        for draft in drafts:
            again = replace(draft, domain=self._spell(draft.domain))
            if draft.count == 1 and self._random.random() < PUT_SHARE:
                yield Parcel((again,), by_put=True)
            else:
                lines.append(again)
        if lines:
            yield Parcel(tuple(lines), by_put=False)

    def _spell(self, domain: str) -> str:
        return domain.upper() if self._random.random() < OTHER_SPELLING_SHARE else domain
