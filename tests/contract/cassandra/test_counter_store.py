"""The counter store, as workers write it and query nodes read it."""

from dataclasses import replace

from consumer.__main__ import new_writer
from consumer.counting.superseded import SupersededRow
from shared.model.counter import CounterRow, Counters
from tests.contract.harness.stores import Store, new_domain, unique, update_of

TOPIC_PARTITION = "contract/0"


async def test_a_new_domain_has_no_rows(store: Store) -> None:
    """The result contains every requested domain."""
    domain = new_domain()

    assert await store.store.read(TOPIC_PARTITION, [domain]) == {domain: []}


async def test_written_rows_are_read_back(store: Store) -> None:
    """All three columns and the writer come back unchanged."""
    update = update_of(new_domain(), delivered=3, bounced=2, applied_offset=7)

    await store.store.write(TOPIC_PARTITION, [update])

    assert await store.store.read(TOPIC_PARTITION, [update.domain]) == {
        update.domain: [CounterRow(TOPIC_PARTITION, update.writer, 3, 2, 7)]
    }


async def test_increments_of_one_writer_add_up(store: Store) -> None:
    """The same update twice counts twice: updates are increments, not values."""
    update = update_of(new_domain(), delivered=3, bounced=1, applied_offset=5)

    for _ in range(2):
        await store.store.write(TOPIC_PARTITION, [update])

    (row,) = (await store.store.read(TOPIC_PARTITION, [update.domain]))[update.domain]
    assert (row.delivered, row.bounced, row.applied_offset) == (6, 2, 10)


async def test_zero_and_negative_increments_keep_the_columns_together(
    store: Store,
) -> None:
    """A column that did not move is 0, not missing."""
    update = update_of(new_domain(), delivered=0, bounced=0, applied_offset=0)
    await store.store.write(TOPIC_PARTITION, [update])
    (row,) = (await store.store.read(TOPIC_PARTITION, [update.domain]))[update.domain]
    assert (row.delivered, row.bounced, row.applied_offset) == (0, 0, 0)

    await store.store.write(TOPIC_PARTITION, [replace(update, delivered=-2, applied_offset=9)])

    (row,) = (await store.store.read(TOPIC_PARTITION, [update.domain]))[update.domain]
    assert (row.delivered, row.bounced, row.applied_offset) == (-2, 0, 9)


async def test_counters_hold_64_bits(store: Store) -> None:
    """The largest possible sum is not rounded."""
    update = update_of(new_domain(), delivered=2**62, applied_offset=2**53 + 1)

    await store.store.write(TOPIC_PARTITION, [update])

    (row,) = (await store.store.read(TOPIC_PARTITION, [update.domain]))[update.domain]
    assert (row.delivered, row.applied_offset) == (2**62, 2**53 + 1)


async def test_rows_of_different_writers_stay_apart(store: Store) -> None:
    """No writer's increment reaches a row of another."""
    first = update_of(new_domain(), delivered=1, applied_offset=1)
    second = replace(first, writer=new_writer(), delivered=2, applied_offset=2)

    await store.store.write(TOPIC_PARTITION, [first])
    await store.store.write(TOPIC_PARTITION, [second])

    rows = (await store.store.read(TOPIC_PARTITION, [first.domain]))[first.domain]
    assert {row.writer: row.delivered for row in rows} == {first.writer: 1, second.writer: 2}


async def test_rows_of_another_topic_partition_are_not_returned(store: Store) -> None:
    """Their offsets cannot be compared."""
    ours = update_of(new_domain(), delivered=1, applied_offset=1)
    theirs = replace(ours, delivered=5, applied_offset=50)

    await store.store.write(TOPIC_PARTITION, [ours])
    await store.store.write("contract/1", [theirs])

    assert await store.store.read(TOPIC_PARTITION, [ours.domain]) == {
        ours.domain: [CounterRow(TOPIC_PARTITION, ours.writer, 1, 0, 1)]
    }


async def test_a_batch_reaches_every_domain_and_one_read_finds_them_all(store: Store) -> None:
    """Each domain gets its own increment; a domain without rows has an empty list."""
    updates = [update_of(new_domain(), delivered=n, applied_offset=n + 1) for n in range(40)]
    never_written = new_domain()

    await store.store.write(TOPIC_PARTITION, updates)
    found = await store.store.read(TOPIC_PARTITION, [*(u.domain for u in updates), never_written])

    assert found.pop(never_written) == []
    assert {domain: [row.delivered for row in rows] for domain, rows in found.items()} == {
        update.domain: [update.delivered] for update in updates
    }


async def test_split_makes_groups_of_at_most_that_size(store: Store) -> None:
    """Every update is in exactly one group."""
    updates = [update_of(new_domain(), delivered=1) for _ in range(23)]

    groups = store.store.split(updates, 5)

    assert max(len(group) for group in groups) <= 5
    assert sorted(u.domain for group in groups for u in group) == sorted(u.domain for u in updates)


async def test_split_of_nothing_is_nothing(store: Store) -> None:
    """No empty group is ever sent."""
    assert store.store.split([], 5) == []


async def test_the_reader_returns_zeros_for_a_new_domain(store: Store) -> None:
    """A new domain is not an error."""
    assert await store.reader.read(new_domain()) == Counters(0, 0)


async def test_the_reader_takes_the_newest_row_of_a_topic_partition(store: Store) -> None:
    """The row with the largest offset wins, whichever was started last."""
    newest = update_of(new_domain(), delivered=7, bounced=1, applied_offset=8)
    await store.store.write(TOPIC_PARTITION, [newest])
    older = replace(newest, writer=new_writer(), delivered=5, bounced=0, applied_offset=5)
    await store.store.write(TOPIC_PARTITION, [older])

    assert await store.reader.read(newest.domain) == Counters(7, 1)


async def test_the_reader_adds_topic_partitions_up(store: Store) -> None:
    """Different partitions hold different events."""
    domain = new_domain()
    for number, delivered in enumerate((1, 20, 300)):
        update = update_of(domain, delivered=delivered, bounced=number, applied_offset=number + 1)
        await store.store.write(f"{unique('log')}/{number}", [update])

    assert await store.reader.read(domain) == Counters(321, 3)


async def test_a_deleted_row_is_gone_and_its_neighbours_stay(store: Store) -> None:
    """A deletion may be repeated."""
    first = update_of(new_domain(), delivered=1, applied_offset=1)
    second = replace(first, writer=new_writer(), delivered=2, applied_offset=2)
    elsewhere = replace(first, domain=new_domain())
    for update in (first, second, elsewhere):
        await store.store.write(TOPIC_PARTITION, [update])
    gone = [SupersededRow(first.domain, first.writer), SupersededRow(new_domain(), first.writer)]

    for _ in range(2):
        await store.store.delete(TOPIC_PARTITION, gone)

    rows = await store.store.read(TOPIC_PARTITION, [first.domain, elsewhere.domain])
    assert [row.writer for row in rows[first.domain]] == [second.writer]
    assert [row.writer for row in rows[elsewhere.domain]] == [elsewhere.writer]


async def test_an_epoch_lasts_while_no_node_restarts(store: Store) -> None:
    """Reads, writes and time do not end it."""
    begun = store.store.epoch()
    await store.store.write(
        TOPIC_PARTITION, [update_of(new_domain(), delivered=1, applied_offset=1)]
    )
    assert store.store.epoch() == begun
