"""What a parser says about a line, in short."""

from client.event import Event
from client.logs.entry import LogParser

Said = list[str | tuple[str, str]]
"""For each recipient a reason to skip it, or its domain and kind."""


def read(parse: LogParser, line: str) -> Said:
    """Return what *parse* says about *line*."""
    return [
        (each.domain, each.event) if isinstance(each, Event) else each.reason
        for each in parse(line)
    ]
