"""How events become requests."""

from itertools import count

from client.batches import MAX_BYTES, MAX_COUNT, MAX_LINES, combine, encode, split, with_ids
from client.event import Event


def test_a_line_has_only_what_is_not_the_default() -> None:
    """It is the line of `POST /events`."""
    assert encode(Event("a.example", "bounced")) == b'{"domain":"a.example","event":"bounced"}\n'
    assert encode(Event("a.example", "bounced", 2, "k")) == (
        b'{"domain":"a.example","event":"bounced","count":2,"id":"k"}\n'
    )


def test_a_request_has_no_more_lines_and_bytes_than_the_service_takes() -> None:
    """And the order stays."""
    short = [Event(f"d{n}.example", "delivered") for n in range(2 * MAX_LINES + 1)]
    long = [Event("d" * 500, "delivered", id="k" * 255) for _ in range(3_000)]

    assert [len(batch) for batch in split(short)] == [MAX_LINES, MAX_LINES, 1]
    assert [event for batch in split(short) for event in batch] == short
    sizes = [sum(len(encode(event)) for event in batch) for batch in split(long)]
    assert max(sizes) <= MAX_BYTES
    assert len(sizes) == 3


def test_events_of_a_domain_and_kind_are_combined() -> None:
    """Not those with an id, and no count above the limit."""
    events = [
        Event("a.example", "delivered", line=1),
        Event("a.example", "bounced", line=2),
        Event("a.example", "delivered", 4, line=3),
        Event("a.example", "delivered", id="k", line=4),
        Event("a.example", "delivered", id="k", line=5),
        Event("a.example", "delivered", MAX_COUNT, line=6),
    ]

    combined = combine(events)

    assert sum(event.count for event in combined) == sum(event.count for event in events)
    assert combined[0] == Event("a.example", "delivered", 5)
    assert [event.line for event in combined] == [1, 2, 4, 5, 6]
    assert max(event.count for event in combined) <= MAX_COUNT


def test_events_get_ids_and_keep_their_own() -> None:
    """An id is what makes it safe to send an event again."""
    numbers = count()

    events = with_ids(
        [Event("a.example", "delivered"), Event("a.example", "bounced", id="own")],
        lambda: f"new-{next(numbers)}",
    )

    assert [event.id for event in events] == ["new-0", "own"]
