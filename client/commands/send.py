"""``catchall send``: report the events on standard input."""

from contextlib import aclosing

from client.batches import combine
from client.client import CatchallClient, SendResult
from client.commands.input import read_parts
from client.commands.output import Progress, say
from client.event import Event, InputLineError, parse_csv, parse_ndjson

_REPORTED = 20
"""Mistakes that are written out; the others are counted."""
_EVENTS_PER_PART = 20_000


async def send(client: CatchallClient, form: str) -> int:
    """Report each event; return 0 if all will be counted, else 1."""
    parse = parse_csv if form == "csv" else parse_ndjson
    total, unreadable, progress = SendResult(), 0, Progress()
    async with aclosing(read_parts(parse, _EVENTS_PER_PART)) as parts:
        async for part in parts:
            for each in part:
                if isinstance(each, InputLineError):
                    unreadable += 1
                    if unreadable <= _REPORTED:
                        say(str(each))
            events = combine(each for each in part if isinstance(each, Event))
            total.add(await client.send(events))
            progress.report(f"{total.accepted:,} events accepted")
            if total.failed or total.in_doubt:
                break  # the service does not answer: what follows would fail as well
    _report(total, unreadable)
    return 0 if total.good and not unreadable else 1


def _report(total: SendResult, unreadable: int) -> None:
    for each in total.rejected[:_REPORTED]:
        say(f"line {each.event.line}: {each.detail} ({each.code})")
    say(f"{total.accepted:,} events accepted")
    if lines := len(total.rejected) + unreadable:
        say(f"{lines:,} lines rejected: correct them")
    if total.failed:
        say(
            f"{len(total.failed):,} lines not stored, the first one line {total.failed[0].line}:"
            " the service did not answer; what follows it was not sent"
        )
    if total.in_doubt:
        say(
            f"{len(total.in_doubt):,} lines in doubt, the first one line {total.in_doubt[0].line}:"
            " an answer was lost. Lines with an id of their own can be sent again"
        )
