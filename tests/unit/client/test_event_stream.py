"""The feed of changes, in whatever pieces it arrives."""

import pytest

from client.event_stream import EventStreamDecoder, StreamedEvent

STREAM = (
    b": changes of status\nretry: 1500\n\nid: 1-2\n\nid: 3-2\n"
    b'data: {"a":1}\n\n: still here\n\nid: 4-2\nevent: resync\ndata: {}\n\n'
)


@pytest.mark.parametrize("size", [1, 7, len(STREAM)])
def test_events_are_decoded_from_pieces_of_any_size(size: int) -> None:
    """With the id after each; a block without data sets the id alone."""
    decoder = EventStreamDecoder()

    events = [
        event
        for start in range(0, len(STREAM), size)
        for event in decoder.feed(STREAM[start : start + size])
    ]

    assert events == [
        StreamedEvent("message", '{"a":1}', "3-2"),
        StreamedEvent("resync", "{}", "4-2"),
    ]
    assert (decoder.last_id, decoder.retry_seconds) == ("4-2", 1.5)


def test_an_event_that_was_cut_off_is_forgotten() -> None:
    """It comes again, whole, on the next connection."""
    decoder = EventStreamDecoder("1-1")
    assert list(decoder.feed(b"id: 2-1\ndata: {\n")) == []
    decoder.restart()

    assert list(decoder.feed(b"data: 2\n\n")) == [StreamedEvent("message", "2", "1-1")]
