"""Decide which fault happens when, from a seed. Pure.

A schedule names roles ("the leader of the busiest partition"), not processes: the holder of a role
is known only when the fault begins. Each fault occupies its tier until the tier should be healthy
again, so that a majority of the brokers and of the Cassandra nodes is always available, except in
the windows in which Kafka must not be able to store.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.tools.chaos.options import WORKERS, Tier

FIRST_FAULT_SECONDS = 4.0
PAUSE_SECONDS = (5.0, 9.0)
SECOND_FAULT_SHARE = 0.25
MAX_SECONDS = 20.0
UNABLE_LEAD_SECONDS = 2.0
"""From the freeze of the second broker until no earlier request can be under way."""
UNABLE_TAIL_SECONDS = 7.0
"""Kafka stays unable longer than any request of the window can wait."""


class Kind(StrEnum):
    """The kind of a fault."""

    KILL = "kill"
    """SIGKILL, and a start some time later."""
    FREEZE = "freeze"
    """SIGSTOP, and SIGCONT some time later."""
    RESTART = "restart"
    """Each node of the tier in turn: SIGTERM, and a start."""
    ROTATE = "rotate"
    """A worker joins, then another one leaves by SIGTERM."""
    MOVE = "move"
    """The broker that coordinates the workers' group is killed while a worker joins."""
    LEADERLESS = "leaderless"
    """The only broker that has a partition is stopped, and a worker joins: no broker leads it."""
    CUT = "cut"
    """The node neither receives nor sends packets, for a while."""
    SPLIT = "split"
    """A process of ours reaches only some of the brokers, or of the Cassandra nodes."""
    STEP = "step"
    """The wall clock of the node steps, and some time later it steps back."""
    MIN_ISR = "min-isr"
    """Two brokers are frozen: the third alone can't store."""
    DISK_FULL = "disk-full"
    """A broker's disk becomes full, and is freed."""


class Role(StrEnum):
    """The choice of a node within its tier."""

    ANY = "any"
    BUSIEST = "busiest"
    """The broker that leads the busiest partition, or the Cassandra node that coordinates the most
    updates."""
    COORDINATOR = "coordinator"
    """The broker that coordinates the workers' group."""
    STEPPING = "stepping"
    """A node whose clock can step."""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault: it begins at ``at`` and lasts ``seconds``."""

    at: float
    seconds: float
    kind: Kind
    tier: Tier
    role: Role
    index: int
    """A number that chooses among the nodes of the tier, if any of them will do."""


_ALSO_TOUCHED = {
    Kind.MIN_ISR: (Tier.INGEST,),
    Kind.MOVE: (Tier.WORKER,),
    Kind.LEADERLESS: (Tier.WORKER,),
}


@dataclass(frozen=True, slots=True)
class _Card:
    """A kind of fault in the deck."""

    kind: Kind
    tier: Tier
    least_seconds: float
    most_seconds: float
    recovery_seconds: float
    """From its end until its tier should be healthy again."""
    role: Role = Role.ANY

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """The tiers that no other fault may touch meanwhile."""
        # A slow answer while Kafka is unable must have no other cause.
        return (self.tier, *_ALSO_TOUCHED.get(self.kind, ()))


_UNABLE = (UNABLE_LEAD_SECONDS + UNABLE_TAIL_SECONDS + 4.0, MAX_SECONDS)

_DECK = (
    _Card(Kind.KILL, Tier.KAFKA, 0.5, 6.0, 28.0, Role.BUSIEST),
    _Card(Kind.KILL, Tier.KAFKA, 0.5, 6.0, 28.0),
    _Card(Kind.KILL, Tier.CASSANDRA, 0.5, 6.0, 45.0, Role.BUSIEST),
    _Card(Kind.KILL, Tier.CASSANDRA, 0.5, 6.0, 45.0),
    _Card(Kind.KILL, Tier.WORKER, 0.0, 5.0, 12.0),
    _Card(Kind.KILL, Tier.WORKER, 0.0, 5.0, 12.0),
    _Card(Kind.KILL, Tier.INGEST, 0.0, 5.0, 12.0),
    _Card(Kind.KILL, Tier.QUERY, 0.0, 3.0, 12.0),
    _Card(Kind.FREEZE, Tier.KAFKA, 1.0, MAX_SECONDS, 8.0, Role.BUSIEST),
    _Card(Kind.FREEZE, Tier.CASSANDRA, 1.0, MAX_SECONDS, 10.0, Role.BUSIEST),
    _Card(Kind.FREEZE, Tier.WORKER, 1.0, 3.0, 4.0),
    _Card(Kind.FREEZE, Tier.WORKER, 6.0, MAX_SECONDS, 4.0),
    _Card(Kind.FREEZE, Tier.INGEST, 1.0, MAX_SECONDS, 4.0),
    _Card(Kind.FREEZE, Tier.QUERY, 1.0, 8.0, 4.0),
    _Card(Kind.RESTART, Tier.WORKER, 24.0, 30.0, 8.0),
    _Card(Kind.RESTART, Tier.INGEST, 16.0, 20.0, 8.0),
    _Card(Kind.RESTART, Tier.QUERY, 8.0, 10.0, 6.0),
    _Card(Kind.RESTART, Tier.KAFKA, 50.0, 60.0, 10.0),
    _Card(Kind.RESTART, Tier.CASSANDRA, 100.0, 120.0, 15.0),
    _Card(Kind.ROTATE, Tier.WORKER, 12.0, 16.0, 5.0),
    _Card(Kind.MOVE, Tier.KAFKA, 2.0, 6.0, 28.0, Role.COORDINATOR),
    _Card(Kind.LEADERLESS, Tier.KAFKA, 12.0, 16.0, 28.0, Role.BUSIEST),
    _Card(Kind.CUT, Tier.KAFKA, 2.0, 15.0, 12.0, Role.BUSIEST),
    _Card(Kind.CUT, Tier.CASSANDRA, 2.0, 15.0, 12.0, Role.BUSIEST),
    _Card(Kind.SPLIT, Tier.INGEST, 4.0, 15.0, 8.0),
    _Card(Kind.SPLIT, Tier.WORKER, 4.0, 15.0, 8.0),
    _Card(Kind.SPLIT, Tier.QUERY, 4.0, 15.0, 8.0),
    _Card(Kind.STEP, Tier.KAFKA, 6.0, 12.0, 12.0, Role.STEPPING),
    _Card(Kind.STEP, Tier.CASSANDRA, 6.0, 12.0, 12.0, Role.STEPPING),
    _Card(Kind.STEP, Tier.INGEST, 4.0, 10.0, 4.0, Role.STEPPING),
    _Card(Kind.STEP, Tier.WORKER, 4.0, 10.0, 4.0, Role.STEPPING),
    _Card(Kind.STEP, Tier.QUERY, 4.0, 10.0, 4.0, Role.STEPPING),
    _Card(Kind.MIN_ISR, Tier.KAFKA, *_UNABLE, 12.0),
    _Card(Kind.DISK_FULL, Tier.KAFKA, 4.0, 8.0, 28.0),
)

# How many simultaneous faults a tier bears: a majority, or one node, must be left.
_CAPACITY = dict.fromkeys(Tier, 1) | {Tier.WORKER: WORKERS - 1}


def schedule(seed: int, seconds: float, *, left_out: Collection[Kind] = ()) -> list[PlannedFault]:
    """Return the faults of a run of *seconds* in the order of their beginnings.

    They are drawn from a shuffled deck, so that even a short run has many kinds; none of the kinds
    *left_out*, which this machine does not allow.
    """
    random = Random(f"faults {seed}")
    deck = _deal(random, left_out)
    hand: list[_Card] = []
    busy: list[tuple[float, Tier]] = []
    planned_faults: list[PlannedFault] = []
    at = FIRST_FAULT_SECONDS
    while at < seconds:
        wanted = 2 if random.random() < SECOND_FAULT_SHARE else 1
        taken: list[_Card] = []
        busy = [(until, tier) for until, tier in busy if until > at]
        for _ in range(wanted):
            if len(hand) < len(_DECK) // 2:
                hand += next(deck)
            card = _first_fitting(hand, taken, busy, seconds - at)
            if card is None:
                break
            hand.remove(card)
            taken.append(card)
            planned = _planned_fault(card, at, random)
            busy += [(at + planned.seconds + card.recovery_seconds, tier) for tier in card.tiers]
            planned_faults.append(planned)
        at += random.uniform(*PAUSE_SECONDS)
    return planned_faults


def _deal(random: Random, left_out: Collection[Kind]) -> Iterator[list[_Card]]:
    """Yield the whole deck repeatedly, shuffled each time."""
    while True:
        deck = [card for card in _DECK if card.kind not in left_out]
        random.shuffle(deck)
        yield deck


def _first_fitting(
    hand: list[_Card], taken: list[_Card], busy: list[tuple[float, Tier]], left: float
) -> _Card | None:
    """Return the first card whose tiers are free and which ends in time.

    Two simultaneous faults differ in kind and in tier.
    """
    loads = [tier for _, tier in busy]
    for card in hand:
        fits = card.most_seconds + card.recovery_seconds <= left
        free = all(loads.count(tier) < _CAPACITY[tier] for tier in card.tiers)
        other = all(card.kind is not t.kind and card.tier is not t.tier for t in taken)
        if fits and free and other:
            return card
    return None


def _planned_fault(card: _Card, at: float, random: Random) -> PlannedFault:
    seconds = random.uniform(card.least_seconds, card.most_seconds)
    return PlannedFault(
        round(at, 3), round(seconds, 3), card.kind, card.tier, card.role, random.randrange(60)
    )
