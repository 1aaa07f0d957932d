"""The counter store, as workers write it and query nodes read it."""

from dataclasses import dataclass, field

import pytest

from consumer.counter_store import MAX_ROWS
from consumer.counting.rows.writer_rows import RowIncrement
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.partitioning import DEFAULT_BUCKETS, bucket_of
from tests.contract.harness.stores import (
    Store,
    new_domain,
    new_writer,
    read,
    stored,
    unique,
    update_of,
    write,
)

TOPIC_PARTITION = "contract/0"


@dataclass(slots=True)
class Neighbours:
    """Domains that share a bucket with nothing else."""

    bucket: int = field(default_factory=lambda: bucket_of(new_domain(), DEFAULT_BUCKETS))
    topic_partition: str = field(default_factory=lambda: f"{unique('neighbours')}/0")

    def domains(self, number: int) -> list[DomainName]:
        """Return *number* new domains of the bucket."""
        word, found = unique("n"), list[DomainName]()
        for name in (DomainName(f"{word}-{n}.example") for n in range(10_000_000)):
            if bucket_of(name, DEFAULT_BUCKETS) == self.bucket:
                found.append(name)
                if len(found) == number:
                    break
        return found


async def test_a_bucket_without_rows_is_empty(store: Store) -> None:
    """A domain that is not in it is new."""
    bucket = bucket_of(new_domain(), DEFAULT_BUCKETS)

    assert await store.store.read(f"{unique('nothing')}/0", bucket) == []


async def test_written_rows_are_read_back(store: Store) -> None:
    """All three columns and the writer come back unchanged."""
    update = update_of(new_domain(), delivered=3, bounced=2, applied_offset=7)

    await write(store.store, TOPIC_PARTITION, update)

    assert await read(store.store, TOPIC_PARTITION, update.domain) == [stored(update)]


async def test_the_column_of_a_row_that_never_bounced_is_not_touched(store: Store) -> None:
    """It reads as 0, and counts from the first bounce on."""
    update = update_of(new_domain(), delivered=3, applied_offset=7)
    await write(store.store, TOPIC_PARTITION, update._replace(bounced=9, never_bounced=True))
    assert await read(store.store, TOPIC_PARTITION, update.domain) == [stored(update)]

    await write(store.store, TOPIC_PARTITION, update._replace(bounced=2))

    (row,) = await read(store.store, TOPIC_PARTITION, update.domain)
    assert (row.delivered, row.bounced, row.applied_offset) == (6, 2, 14)


async def test_increments_of_one_writer_add_up(store: Store) -> None:
    """The same update twice counts twice: updates are increments, not values."""
    update = update_of(new_domain(), delivered=3, bounced=1, applied_offset=5)

    await write(store.store, TOPIC_PARTITION, update, update)

    (row,) = await read(store.store, TOPIC_PARTITION, update.domain)
    assert (row.delivered, row.bounced, row.applied_offset) == (6, 2, 10)


async def test_zero_and_negative_increments_keep_the_columns_together(
    store: Store,
) -> None:
    """A column that did not move is 0, not missing."""
    update = update_of(new_domain(), delivered=0, bounced=0, applied_offset=0)
    await write(store.store, TOPIC_PARTITION, update)
    (row,) = await read(store.store, TOPIC_PARTITION, update.domain)
    assert (row.delivered, row.bounced, row.applied_offset) == (0, 0, 0)

    await write(store.store, TOPIC_PARTITION, update._replace(delivered=-2, applied_offset=9))

    (row,) = await read(store.store, TOPIC_PARTITION, update.domain)
    assert (row.delivered, row.bounced, row.applied_offset) == (-2, 0, 9)


async def test_counters_hold_64_bits(store: Store) -> None:
    """The largest possible sum is not rounded."""
    update = update_of(new_domain(), delivered=2**62, applied_offset=2**53 + 1)

    await write(store.store, TOPIC_PARTITION, update)

    (row,) = await read(store.store, TOPIC_PARTITION, update.domain)
    assert (row.delivered, row.applied_offset) == (2**62, 2**53 + 1)


async def test_of_several_writers_the_one_that_started_last_comes_first(store: Store) -> None:
    """Nobody's increments reach a row of another, and the order decides between equal offsets."""
    first = update_of(new_domain(), delivered=1, applied_offset=1)
    second = first._replace(writer=new_writer(), delivered=2, applied_offset=2)

    await write(store.store, TOPIC_PARTITION, first, second)

    rows = await read(store.store, TOPIC_PARTITION, first.domain)
    assert rows == [stored(second), stored(first)]


async def test_rows_of_another_topic_partition_are_not_returned(store: Store) -> None:
    """Their offsets could not be compared."""
    ours = update_of(new_domain(), delivered=1, applied_offset=1)

    await write(store.store, TOPIC_PARTITION, ours)
    await write(store.store, "contract/1", ours._replace(delivered=5, applied_offset=50))

    assert await read(store.store, TOPIC_PARTITION, ours.domain) == [stored(ours)]


@pytest.mark.parametrize("number", [1, 3, 37, MAX_ROWS - 1, MAX_ROWS])
async def test_a_write_of_any_size_reaches_each_of_its_rows_once(store: Store, number: int) -> None:
    """A batch has one of a few sizes; what fills it up adds nothing."""
    bucket = Neighbours()
    rows = [
        update_of(domain, delivered=n, bounced=n % 3, applied_offset=n + 1)
        for n, domain in enumerate(bucket.domains(number))
    ]

    await store.store.write(bucket.topic_partition, bucket.bucket, rows)

    found = await store.store.read(bucket.topic_partition, bucket.bucket)
    assert found == sorted(stored(row) for row in rows)


async def test_a_bucket_of_several_pages_is_read_whole(store: Store) -> None:
    """A page that was taken for the whole would make known domains new."""
    bucket = Neighbours()
    (domain,) = bucket.domains(1)
    rows = [update_of(domain, delivered=n, applied_offset=n) for n in range(5_200)]
    for start in range(0, len(rows), MAX_ROWS):
        await store.store.write(
            bucket.topic_partition, bucket.bucket, rows[start : start + MAX_ROWS]
        )

    found = await store.store.read(bucket.topic_partition, bucket.bucket)

    assert sorted(row.delivered for row in found) == list(range(5_200))


async def test_replicas_of_a_bucket_are_known(store: Store) -> None:
    """Writes are paced by them."""
    assert store.store.replicas_of(0)


async def test_the_reader_returns_zeros_for_a_new_domain(store: Store) -> None:
    """A new domain is not an error."""
    assert await store.reader.read(new_domain()) == Counters(0, 0)


async def test_the_reader_takes_the_newest_row_of_a_log(store: Store) -> None:
    """The row with the largest offset speaks, whichever was started last."""
    domain = new_domain()
    newest = update_of(domain, delivered=7, bounced=1, applied_offset=8)
    await write(store.store, TOPIC_PARTITION, newest)
    older = newest._replace(writer=new_writer(), delivered=5, bounced=0, applied_offset=5)
    await write(store.store, TOPIC_PARTITION, older)

    assert await store.reader.read(domain) == Counters(7, 1)


async def test_the_reader_adds_topic_partitions_up(store: Store) -> None:
    """Different partitions hold different events."""
    domain = new_domain()
    for number, delivered in enumerate((1, 20, 300)):
        update = update_of(domain, delivered=delivered, bounced=number, applied_offset=number + 1)
        await write(store.store, f"{unique('log')}/{number}", update)

    assert await store.reader.read(domain) == Counters(321, 3)


async def test_a_deleted_row_is_gone_and_its_neighbours_stay(store: Store) -> None:
    """Also one that was gone before: a deletion may be repeated."""
    bucket = Neighbours()
    one, another = bucket.domains(2)
    first = update_of(one, delivered=1, applied_offset=1)
    rows: list[RowIncrement] = [
        first,
        first._replace(writer=new_writer(), delivered=2, applied_offset=2),
        first._replace(domain=another.encode()),
    ]
    await store.store.write(bucket.topic_partition, bucket.bucket, rows)
    gone = [stored(first), stored(first._replace(domain=b"never.example"))]

    for _ in range(2):
        await store.store.delete(bucket.topic_partition, bucket.bucket, gone)

    found = await store.store.read(bucket.topic_partition, bucket.bucket)
    assert found == sorted(stored(row) for row in rows[1:])


async def test_an_epoch_lasts_while_no_node_restarts(store: Store) -> None:
    """Reads, writes and time do not end it."""
    begun = store.store.epoch()
    await write(
        store.store, TOPIC_PARTITION, update_of(new_domain(), delivered=1, applied_offset=1)
    )
    assert store.store.epoch() == begun
