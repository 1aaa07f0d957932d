"""The profile ``wide`` as numbers: many domains that recur. Pure.

Uniform draws are the worst case for every cache and every aggregate; by Zipf's law a few domains
are much of the stream.

Events are drawn in blocks, each with a seed of its own, so that a process that sends only a part
does not draw the others.
"""

from array import array
from random import Random

from tests.tools.load.streams.stream import CODE, kind_of
from tests.tools.load.streams.wide_names import LAST_LABELS, NAMES, WideNames
from tests.tools.load.streams.zipf import Zipf

BLOCK_EVENTS = 500
DEFAULT_BOUNCE_SHARE = 0.01
BOUNCED_SHARE = 0.5
"""The share of bounces among the events of a domain that bounces."""
_MILLION = 1_000_000
# By the remainder of the number; the last bit is the kind.
_ENDINGS = tuple(
    f'.{last}","event":"{kind_of(bit)}"}}\n' for last in LAST_LABELS for bit in range(2)
)


class WideStream:
    """Draws from *domains*: uniformly without an *exponent*, else by Zipf's law.

    *bounce_share* of the domains bounce, each at half of its events.
    """

    def __init__(
        self,
        seed: int,
        domains: int,
        exponent: float | None = None,
        bounce_share: float = DEFAULT_BOUNCE_SHARE,
    ) -> None:
        if not 1 <= domains <= NAMES:
            raise ValueError(f"There are names for 1 to {NAMES} domains.")
        self._seed = seed
        self._domains = domains
        self._zipf = None if exponent is None else Zipf(domains, exponent)
        self._per_million = round(bounce_share * _MILLION)
        self._names = WideNames(Random(seed).randrange(NAMES))
        self._position = 0
        self._drawn = -1
        self._block = array(CODE)

    def take(self, count: int) -> "array[int]":
        """Return the codes of the next *count* events."""
        taken = array(CODE)
        while len(taken) < count:
            number, start = divmod(self._position, BLOCK_EVENTS)
            if number != self._drawn:
                self._block, self._drawn = self._draw(number), number
            piece = self._block[start : start + count - len(taken)]
            taken += piece
            self._position += len(piece)
        return taken

    def skip(self, count: int) -> None:
        """Skip the next *count* events."""
        self._position += count

    def lines(self, codes: "array[int]") -> bytes:
        """Return the body of a bulk request."""
        label, endings, many = self._names.label, _ENDINGS, len(_ENDINGS)
        # The remainder of a code determines the last label and the kind.
        return "".join(
            [f'{{"domain":"{label(code // 2)}{endings[code % many]}' for code in codes]
        ).encode()

    def path(self, code: int) -> bytes:
        """Return the domain and the kind for the path of a PUT."""
        return f"{self.name(code // 2)}/{kind_of(code)}".encode()

    def name(self, number: int) -> str:
        """Return the name of domain *number*."""
        return self._names.name(number)

    def bounces(self, number: int) -> bool:
        """Return True if some events of domain *number* are bounces."""
        # Spread evenly, without the first ones, which by Zipf's law are nearly all of the stream.
        return number * self._per_million % _MILLION >= _MILLION - self._per_million

    def _draw(self, block: int) -> "array[int]":
        random = Random(f"{self._seed} {block}")
        draw, domains, zipf = random.random, self._domains, self._zipf
        if zipf is None:
            numbers = [int(draw() * domains) for _ in range(BLOCK_EVENTS)]
        else:
            numbers = [zipf.draw(random) - 1 for _ in range(BLOCK_EVENTS)]
        share, bounces = BOUNCED_SHARE, self.bounces
        return array(CODE, [n * 2 + (bounces(n) and draw() < share) for n in numbers])
