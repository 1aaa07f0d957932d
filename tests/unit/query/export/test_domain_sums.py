"""Rows of whole buckets become one sum per domain, by the rule of every reader."""

from hypothesis import given
from hypothesis import strategies as st

from query.export.domain_sums import StoredRow, sum_domains
from shared.model.counter import CounterRow, Counters, sum_rows

COUNTS = st.none() | st.integers(0, 5)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["a.example", "b.example", "c.example"]),
        st.sampled_from(["t/0", "t/1"]),
        *(COUNTS, COUNTS, COUNTS),
    )
)


def test_rows_of_partitions_add_up_and_of_writers_the_newest_counts() -> None:
    """A bucket read behind a later one comes first."""
    rows: list[StoredRow] = [
        (7, "c.example", "t/0", 1, 0, 3),
        (2, "a.example", "t/0", 4, 0, 10),
        (2, "a.example", "t/0", 9, 1, 20),
        (2, "a.example", "t/1", 5, 0, 2),
        (2, "b.example", "t/1", None, 2, 8),
        (2, "forgotten.example", "t/0", 0, 0, 30),
        (2, "forgotten.example", "t/0", 5, 0, 20),
    ]

    assert sum_domains(rows) == [
        ("a.example", Counters(14, 1)),
        ("b.example", Counters(0, 2)),
        ("c.example", Counters(1, 0)),
    ]


@given(ROWS)
def test_sums_are_those_of_a_lookup(rows: list[StoredRow]) -> None:
    """Each domain of each bucket gets what ``sum_rows`` returns for its rows, if it has any."""
    stored = sorted(rows, key=lambda row: (row[1], row[2]))  # as Cassandra has them in a bucket
    expected = [
        (
            domain,
            sum_rows(
                CounterRow(log, delivered or 0, bounced or 0, offset or 0)
                for at, name, log, delivered, bounced, offset in stored
                if (at, name) == (bucket, domain)
            ),
        )
        for bucket, domain in sorted({row[:2] for row in stored})
    ]

    assert sum_domains(stored) == [each for each in expected if each[1] != Counters()]
