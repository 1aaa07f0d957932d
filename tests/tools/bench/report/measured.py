"""The figures of a measured row. Pure."""

from dataclasses import dataclass, field

from tests.tools.bench.report.figure import Figure


@dataclass(slots=True)
class Measured:
    """The figures of a row; ``error`` is the reason if the row ended early."""

    number: int
    title: str
    seconds: float = 0.0
    error: str | None = None
    figures: list[Figure] = field(default_factory=list)
