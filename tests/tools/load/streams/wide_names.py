"""A name for each of very many numbers, computed instead of stored. Pure."""

import string

LABEL_LETTERS = 8
LAST_LABELS = ("net", "com", "org", "io", "gov")
NAMES: int = len(string.ascii_lowercase) ** LABEL_LETTERS
# Coprime to the number of names, so that no two numbers have the same name.
_STRIDE = 130_394_867_153
_LETTERS = len(string.ascii_lowercase)
_PAIRS = tuple(
    second + first for first in string.ascii_lowercase for second in string.ascii_lowercase
)
_FOUR: int = len(_PAIRS) ** 2


class WideNames:
    """The names of the domains 0, 1, 2, ..., all different."""

    def __init__(self, first: int) -> None:
        self._first = first

    def label(self, number: int) -> str:
        """Return the name of domain *number* without its last label."""
        high, low = divmod((self._first + number * _STRIDE) % NAMES, _FOUR)
        pairs, base = _PAIRS, _LETTERS * _LETTERS
        return pairs[low % base] + pairs[low // base] + pairs[high % base] + pairs[high // base]

    def name(self, number: int) -> str:
        """Return the name of domain *number*."""
        return f"{self.label(number)}.{LAST_LABELS[number % len(LAST_LABELS)]}"
