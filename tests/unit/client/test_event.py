"""The texts that events are read from."""

import pytest

from client.event import Event, InputLineError, parse_csv, parse_ndjson

DELIVERED = Event("a.example", "delivered")
BOUNCED = Event("a.example", "bounced", 3, "k1")


def test_a_line_of_json_is_an_event() -> None:
    """Empty lines are passed over, and lines are counted."""
    lines = [
        '{"domain": "a.example", "event": "delivered"}\n',
        "\n",
        '{"domain": "a.example", "event": "bounced", "count": 3, "id": "k1"}\n',
    ]

    events = list(parse_ndjson(lines))

    assert events == [DELIVERED, BOUNCED]
    assert [event.line for event in events if isinstance(event, Event)] == [1, 3]


@pytest.mark.parametrize(
    "rows",
    [
        ["a.example,delivered", "a.example,bounced,3,k1"],
        ["event,id,domain,count", "delivered,,a.example,", "bounced,k1,a.example,3"],
        ['"a.example","delivered"', "", 'a.example,bounced,3,"k1"'],
    ],
)
def test_a_row_is_an_event(rows: list[str]) -> None:
    """A first row of names may change the order of the columns."""
    assert list(parse_csv(rows)) == [DELIVERED, BOUNCED]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "null",
        '{"domain": "a.example"}',
        '{"domain": "a.example", "event": "delivered", "cuont": 3}',
        '{"domain": 5, "event": "delivered"}',
        '{"domain": "a.example", "event": "delivered", "count": "3"}',
        '{"domain": "a.example", "event": "delivered", "count": true}',
    ],
)
def test_a_line_that_is_no_event_is_an_error_with_its_number(line: str) -> None:
    """The lines after it are read."""
    first, second = parse_ndjson([line, '{"domain": "a.example", "event": "delivered"}'])

    assert isinstance(first, InputLineError)
    assert str(first).startswith("line 1:")
    assert second == DELIVERED


@pytest.mark.parametrize("row", ["a.example", "a.example,bounced,x", "a.example,bounced,1,k,more"])
def test_a_row_that_is_no_event_is_an_error(row: str) -> None:
    """As a line is."""
    assert [type(each) for each in parse_csv([row])] == [InputLineError]


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (["a.example,deli\rvered"], "lines 1 to 1: new-line character"),
        (['"a.example,delivered', *["a.example,delivered\n"] * 10_000], "lines 1 to 65"),
    ],
    ids=["a bare return", "a quote that is not closed"],
)
def test_rows_that_are_no_csv_are_an_error_with_their_numbers(rows: list[str], error: str) -> None:
    """The rows after them are read."""
    first, *others, last = parse_csv([*rows, "a.example,delivered"])
    assert str(first).startswith(error)
    assert last == DELIVERED
    assert len(others) == max(0, len(rows) - int(str(first).split()[3].strip(":")))
