"""Decide which request is due when. Pure: independent of the server's answers."""

from array import array
from collections.abc import Iterator
from enum import StrEnum
from itertools import count
from random import Random
from typing import NamedTuple

from tests.tools.load.options import Mode
from tests.tools.load.streams.stream import CODE, Stream

_DRAWN_AT_ONCE = 500


class Way(StrEnum):
    """The route that a request takes."""

    PUT = "put"
    BULK = "bulk"


class Shipment(NamedTuple):
    """The events of one request, and its due time in seconds from the start.

    A bulk request is due when the last of its events is.
    """

    due_seconds: float
    way: Way
    codes: "array[int]"


class Share(NamedTuple):
    """The shipments of one process: every *processes*-th, starting with *first*."""

    first: int = 0
    processes: int = 1


def schedule(
    stream: Stream,
    *,
    events: int | None,
    rate: float,
    mode: Mode,
    bulk_lines: int,
    put_share: float,
    random: Random,
    share: Share = Share(),
) -> Iterator[Shipment]:
    """Yield a share of the requests in the order of their due times, *rate* events per second.

    Without *events* there is no end; at rate 0 everything is due at once. In mixed mode each event
    takes a random route, so that both routes meet in every domain.
    """
    seconds_an_event = 1 / rate if rate else 0.0
    match mode:
        case Mode.PUT:
            return _by_put(stream, events, seconds_an_event, share)
        case Mode.BULK:
            return _in_bulk(stream, events, seconds_an_event, share, bulk_lines)
        case Mode.MIXED:
            every = _mixed(stream, events, seconds_an_event, bulk_lines, put_share, random)
            return (
                shipment
                for number, shipment in enumerate(every)
                if number % share.processes == share.first
            )


def _spans(events: int | None, size: int) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each piece of the events."""
    for start in count(0, size):
        end = start + size if events is None else min(start + size, events)
        if start >= end:
            return
        yield start, end


def _by_put(
    stream: Stream, events: int | None, seconds_an_event: float, share: Share
) -> Iterator[Shipment]:
    for start, end in _spans(events, _DRAWN_AT_ONCE):
        codes = stream.take(end - start)
        first = (share.first - start) % share.processes
        for place in range(first, end - start, share.processes):
            due = (start + place) * seconds_an_event
            yield Shipment(due, Way.PUT, codes[place : place + 1])


def _in_bulk(
    stream: Stream, events: int | None, seconds_an_event: float, share: Share, bulk_lines: int
) -> Iterator[Shipment]:
    for number, (start, end) in enumerate(_spans(events, bulk_lines)):
        if number % share.processes == share.first:
            yield Shipment((end - 1) * seconds_an_event, Way.BULK, stream.take(end - start))
        else:
            stream.skip(end - start)


def _mixed(
    stream: Stream,
    events: int | None,
    seconds_an_event: float,
    bulk_lines: int,
    put_share: float,
    random: Random,
) -> Iterator[Shipment]:
    lines = array(CODE)
    due = 0.0
    for start, end in _spans(events, _DRAWN_AT_ONCE):
        for index, code in enumerate(stream.take(end - start), start):
            due = index * seconds_an_event
            if random.random() < put_share:
                yield Shipment(due, Way.PUT, array(CODE, (code,)))
                continue
            lines.append(code)
            if len(lines) == bulk_lines:
                yield Shipment(due, Way.BULK, lines)
                lines = array(CODE)
    if lines:
        yield Shipment(due, Way.BULK, lines)
