"""Count the domains of a scan by their status. Pure."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from query.lookup.answer import Answer
from shared.model.status import Status

Number = Annotated[int, Meta(ge=0)]


class Totals(msgspec.Struct, frozen=True):
    """Numbers of domains, by status."""

    catch_all: Number = msgspec.field(name=Status.CATCH_ALL.value)
    not_catch_all: Number = msgspec.field(name=Status.NOT_CATCH_ALL.value)
    unknown: Number = msgspec.field(name=Status.UNKNOWN.value)

    @property
    def domains(self) -> int:
        """All domains."""
        return self.catch_all + self.not_catch_all + self.unknown


class Tally:
    """The domains of one scan so far."""

    def __init__(self) -> None:
        self._numbers: Counter[Status] = Counter()

    def add(self, answers: Iterable[Answer]) -> None:
        """Count *answers*, each of another domain."""
        self._numbers.update([answer.status for answer in answers])

    @property
    def totals(self) -> Totals:
        """The numbers so far."""
        numbers = self._numbers
        return Totals(
            numbers[Status.CATCH_ALL], numbers[Status.NOT_CATCH_ALL], numbers[Status.UNKNOWN]
        )
