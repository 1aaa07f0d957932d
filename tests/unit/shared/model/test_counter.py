"""Which rows speak for a domain, and what they add up to."""

import random

from hypothesis import given
from hypothesis import strategies as st

from shared.model.counter import CounterRow, Counters, sum_rows

TOPIC_PARTITIONS = ["events/0", "events/1", "events-2/0"]


def row(topic_partition: str, delivered: int, bounced: int, applied_offset: int) -> CounterRow:
    """Return a row."""
    return CounterRow(topic_partition, delivered, bounced, applied_offset)


# Rows of one log and one offset contain the same counts.
rows_of_any_logs = st.lists(
    st.builds(
        lambda topic_partition, offset: row(
            topic_partition, offset * 3 + len(topic_partition), offset // 2, offset
        ),
        st.sampled_from(TOPIC_PARTITIONS),
        st.integers(0, 20),
    )
)


def test_a_domain_without_rows_counts_nothing() -> None:
    """Never seen is zero."""
    assert sum_rows([]) == Counters(0, 0)


def test_the_row_that_reaches_furthest_speaks_for_its_log() -> None:
    """Rows of one log are never added up, however large the older ones are."""
    rows = [row("events/0", 9, 9, 5), row("events/0", 3, 1, 8), row("events/0", 7, 0, 7)]
    assert sum_rows(rows) == Counters(3, 1)


def test_logs_add_up() -> None:
    """Different logs hold different events."""
    rows = [
        row("events/0", 10, 1, 50),
        row("events/1", 5, 0, 3),
        row("events/1", 4, 0, 2),
        row("events-2/0", 1, 2, 9),
    ]
    assert sum_rows(rows) == Counters(16, 3)


@given(rows=rows_of_any_logs, seed=st.integers(0, 1000))
def test_the_order_of_rows_is_irrelevant(rows: list[CounterRow], seed: int) -> None:
    """A store may give rows in any order."""
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert sum_rows(shuffled) == sum_rows(rows)


@given(rows=rows_of_any_logs)
def test_superseded_rows_may_be_deleted(rows: list[CounterRow]) -> None:
    """Only the newest row of each log matters."""
    newest = {r.topic_partition: r for r in sorted(rows, key=lambda r: r.applied_offset)}
    assert sum_rows(newest.values()) == sum_rows(rows)
