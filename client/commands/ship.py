"""``catchall ship``: report what the log of a mail system proves."""

from collections import Counter
from contextlib import aclosing
from pathlib import Path

from client.client import CatchallClient
from client.commands.input import STANDARD_INPUT, read_parts
from client.commands.output import Progress, say
from client.event import Event
from client.log_file import load_position, store_position
from client.logs import kumomta, postfix
from client.logs.entry import LogParser
from client.logs.pmta import PmtaParser
from client.tail import Tail

FORMATS = ("postfix", "kumomta", "pmta")
_BATCH = 5_000


class Shipment:
    """The lines of one log on their way to the service."""

    def __init__(self, client: CatchallClient, parse: LogParser) -> None:
        self._client = client
        self._parse = parse
        self._events: list[Event] = []
        self.lines = 0
        self.accepted: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        """Whether it is time to send."""
        return len(self._events) >= _BATCH

    def add(self, line: str) -> None:
        """Add what *line* proves."""
        self.lines += 1
        for entry in self._parse(line):
            if isinstance(entry, Event):
                self._events.append(entry)
            else:
                self.skipped[entry.reason] += 1

    async def send(self) -> bool:
        """Send what was added; return False if some of it may be missing. Then send again."""
        events, self._events = self._events, []
        result = await self._client.send(events)
        for each in result.rejected:
            self.skipped[f"rejected: {each.code}"] += 1
        self._events = result.failed + result.in_doubt
        others = {event.id for event in self._events} | {r.event.id for r in result.rejected}
        self.accepted.update(event.event for event in events if event.id not in others)
        return not self._events

    def describe(self) -> str:
        """Return the numbers in words."""
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(self.accepted.items()))
        return f"{self.lines:,} lines: {kinds or 'no events'}; {self.skipped.total():,} skipped"


async def ship(
    client: CatchallClient, form: str, file: str, position_file: Path | None, *, follow: bool
) -> int:
    """Report the log *file*; return 0 if everything in it was sent, else 1."""
    parse = _parser(form)
    shipment = Shipment(client, parse)
    if file == STANDARD_INPUT:
        return _finish(shipment, complete=await _ship_input(shipment))
    path = Path(file)
    at = position_file or path.with_name(f"{path.name}.catchall-position")
    tail = Tail(path, load_position(at))
    if tail.position is None and not follow:
        say(f"{path} does not exist")
        return 1
    if form == "pmta" and not (tail.position and tail.position.offset == 0):
        for _ in parse(tail.header):  # the names of the columns
            pass
    try:
        return _finish(shipment, complete=await _ship_file(shipment, tail, at, follow=follow))
    finally:
        tail.close()


async def _ship_file(shipment: Shipment, tail: Tail, at: Path, *, follow: bool) -> bool:
    """Send what *tail* has; the position is stored after each request that was answered."""
    progress, stored, warned = Progress(), tail.position, False
    async with aclosing(tail.lines(follow=follow)) as lines:
        async for line in lines:
            if tail.missed and not warned:
                warned = True
                say("lines may be missing: rotated away, compressed or truncated unread")
            if line is not None:
                shipment.add(line)
                if not shipment.full:
                    continue
            while not await shipment.send():
                if not follow:
                    return False
                say("the service does not answer; trying again")
            if tail.position != stored and (stored := tail.position) is not None:
                store_position(at, stored)
            progress.report(shipment.describe())
    return True


async def _ship_input(shipment: Shipment) -> bool:
    progress = Progress()
    async with aclosing(read_parts(iter, _BATCH)) as parts:
        async for lines in parts:
            for line in lines:
                shipment.add(line)
            if not await shipment.send():
                return False
            progress.report(shipment.describe())
    return True


def _finish(shipment: Shipment, *, complete: bool) -> int:
    say(shipment.describe())
    for reason, number in shipment.skipped.most_common():
        say(f"  {number:,} {reason}")
    if not complete:
        say("the service does not answer; run again to continue: nothing counts twice")
    return 0 if complete else 1


def _parser(form: str) -> LogParser:
    match form:
        case "postfix":
            return postfix.parse_line
        case "kumomta":
            return kumomta.parse_line
        case _:
            return PmtaParser()
