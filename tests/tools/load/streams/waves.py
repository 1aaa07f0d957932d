"""The domains of the profile ``waves``: the assignment's own generator, with a seed. Pure.

Twenty domains are active at a time and take turns, one event each. A domain that has had all its
events is replaced by a new one and never returns.
"""

import string
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tests.tools.load.streams.event import Kind

ACTIVE_DOMAINS = 20
LABEL_LETTERS = 14
LAST_LABELS = ("net", "com", "org", "io", "gov")
MAX_EVENTS = 2_499
PERIOD_SHARE = 0.35
EVERY_NTH_NEVER_BOUNCES = 25


@dataclass(frozen=True, slots=True)
class Life:
    """All events of one domain."""

    number: int
    name: str
    events: int
    period: int
    """Every ``period``-th event bounces, including the first; 0: none does."""

    def kind(self, index: int) -> Kind:
        """Return the kind of event *index* (from 0)."""
        bounces = self.period != 0 and index % self.period == 0
        return Kind.BOUNCED if bounces else Kind.DELIVERED


def lives(seed: int) -> Iterator[Life]:
    """Yield the domains in the order in which they appear, without end."""
    random = Random(seed)
    number = 0
    while True:
        label = "".join(random.choices(string.ascii_letters, k=LABEL_LETTERS))
        name = f"{label}.{random.choice(LAST_LABELS)}"
        events = random.randint(0, MAX_EVENTS)
        bounces = number % EVERY_NTH_NEVER_BOUNCES != 0
        yield Life(number, name, events, int(PERIOD_SHARE * events) if bounces else 0)
        number += 1
