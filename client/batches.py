"""Put events together into requests. Pure."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from client.event import Event

MAX_LINES = 5_000
MAX_BYTES = 1_000_000
"""The service takes 1 MiB."""
MAX_COUNT = 1_000_000


def encode(event: Event) -> bytes:
    """Return the line of *event*."""
    fields: dict[str, object] = {"domain": event.domain, "event": event.event}
    if event.count != 1:
        fields["count"] = event.count
    if event.id is not None:
        fields["id"] = event.id
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def split(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Yield *events* in lists that fit into a request each."""
    batch: list[Event] = []
    size = 0
    for event in events:
        more = len(encode(event))
        if batch and (len(batch) == MAX_LINES or size + more > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += more
    if batch:
        yield batch


def combine(events: Iterable[Event]) -> list[Event]:
    """Add up the counts of events of one domain and kind, except those with an id."""
    result: list[Event] = []
    sums: dict[tuple[str, str], list[int]] = {}
    """Of each domain and kind: its place in the result, and the sum."""
    for event in events:
        if event.id is not None:
            result.append(event)
            continue
        key = event.domain, event.event
        found = sums.get(key)
        if found is not None and found[1] + event.count <= MAX_COUNT:
            found[1] += event.count
        else:
            # An earlier sum that is full stays as it is.
            if found is not None:
                _store(result, *found)
            sums[key] = [len(result), event.count]
            result.append(event)
    for found in sums.values():
        _store(result, *found)
    return result


def _store(result: list[Event], place: int, count: int) -> None:
    if result[place].count != count:
        result[place] = replace(result[place], count=count)


def with_ids(events: Iterable[Event], new_id: Callable[[], str]) -> list[Event]:
    """Return *events*, each with an id, so that sending one again cannot count it twice."""
    return [event if event.id is not None else replace(event, id=new_id()) for event in events]
