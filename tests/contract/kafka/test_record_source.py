"""A record source as a member of a consumer group."""

import asyncio
from collections.abc import Mapping

import pytest

from consumer.counting.position import Position
from consumer.counting.start import Cause
from shared.model.record import TRACEPARENT
from tests.contract.harness.members import GROUP, Member, member, numbered, owned, read
from tests.contract.harness.pipeline import PARTITIONS
from tests.contract.harness.topics import Topics
from tests.waiting import WAIT_SECONDS, until

ALL = set(range(PARTITIONS))
TRACED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_group_that_never_committed_starts_at_the_beginning(topics: Topics) -> None:
    """It reads the key, value and offset of every existing record, in order."""
    await topics.topic.append(1, numbered(3))

    async with member(topics) as first:
        assert await owned(first) == {0: 0, 1: 0}
        records = await read(first.source, 1, 3)

    assert [(r.offset, r.key, r.value) for r in records] == [
        (0, b"k", b"0"),
        (1, b"k", b"1"),
        (2, b"k", b"2"),
    ]


async def test_records_appended_later_are_read_too(topics: Topics) -> None:
    """A fetch without records returns in time, and the next one returns the new records."""
    async with member(topics) as first:
        await owned(first)
        async with asyncio.timeout(WAIT_SECONDS):
            assert not await first.source.fetch()
        await topics.topic.append(0, numbered(1))

        assert [r.value for r in await read(first.source, 0, 1)] == [b"0"]


async def test_a_second_member_gets_its_share(topics: Topics) -> None:
    """Each partition has one owner, and the first member gives it up before the second gets it."""
    journal: list[str] = []
    async with member(topics, "a", journal) as first:
        await owned(first)
        async with member(topics, "b", journal) as second:
            await asyncio.gather(first.has(1), second.has(1))

            assert first.owned.keys() | second.owned.keys() == ALL
    assert journal[:2] == ["a assigned", "a revoked"]
    assert sorted(journal[2:4]) == ["a assigned", "b assigned"]


async def test_the_remaining_member_gets_everything(topics: Topics) -> None:
    """The share of a member that leaves goes to the others."""
    async with member(topics, "a") as first:
        await owned(first)
        async with member(topics, "b") as second:
            await asyncio.gather(first.has(1), second.has(1))

        await first.has(PARTITIONS)


async def test_the_next_owner_starts_at_the_offset_committed_during_the_revocation(
    topics: Topics,
) -> None:
    """A commit during the revocation counts."""
    await topics.topic.append(0, numbered(5))
    await topics.topic.append(1, numbered(5))
    async with member(topics, "a") as first:
        await owned(first)
        first.to_commit = {0: Position(3, 1), 1: Position.at(4)}
        async with member(topics, "b") as second:
            await asyncio.gather(first.has(1), second.has(1))

            assert first.commits == [True]
            found = {**first.positions, **second.positions}
            assert found == {0: Position(3, 1), 1: Position.at(4)}


async def test_reading_starts_at_the_keys_of_the_committed_position(topics: Topics) -> None:
    """Records below the committed offset are read again for their keys."""
    await topics.topic.append(0, numbered(5))
    async with member(topics) as first:
        await owned(first)
        assert await first.source.commit({0: Position(3, 1)})

    async with member(topics) as second:
        await owned(second)
        records = await read(second.source, 0, 4)

    assert second.positions[0] == Position(3, 1)
    assert [record.offset for record in records] == [1, 2, 3, 4]


async def test_records_have_their_append_time(topics: Topics) -> None:
    """The broker's clock stamps them, in order."""
    await topics.topic.append(0, numbered(3))
    async with member(topics) as opened:
        await owned(opened)
        stamps = [record.timestamp for record in await read(opened.source, 0, 3)]

    assert stamps == sorted(stamps)
    assert stamps[0] > 1_600_000_000_000


async def test_traced_records_have_their_traceparent(topics: Topics) -> None:
    """Other records have no headers."""
    await topics.topic.append(0, numbered(3), {1: TRACED})

    async with member(topics) as first:
        await owned(first)
        records = await read(first.source, 0, 3)

    assert [[*r.headers] for r in records] == [[], [(TRACEPARENT, TRACED.encode())], []]


async def test_a_new_member_continues_at_the_committed_offset(topics: Topics) -> None:
    """It reads exactly what its group has not committed."""
    await topics.topic.append(0, numbered(5))
    async with member(topics) as first:
        await owned(first)
        await read(first.source, 0, 5)
        assert await first.source.commit({0: Position.at(3)})

    async with member(topics) as second:
        assert (await owned(second))[0] == 3
        records = await read(second.source, 0, 2)

    assert await topics.committed(GROUP, 0) == 3
    assert [r.value for r in records] == [b"3", b"4"]


async def test_groups_are_independent(topics: Topics) -> None:
    """A commit of one group does not affect another."""
    await topics.topic.append(0, numbered(5))
    await topics.set_committed("others", 0, 5)

    async with member(topics) as first:
        assert (await owned(first))[0] == 0


async def test_a_commit_of_a_lost_partition_is_refused(topics: Topics) -> None:
    """The commit returns False, and the offset of the new owner stays."""
    await topics.topic.append(0, numbered(5))
    await topics.topic.append(1, numbered(5))
    async with member(topics, "a") as first:
        await owned(first)
        async with member(topics, "b") as second:
            await asyncio.gather(first.has(1), second.has(1))
            (lost,) = second.owned

            assert not await first.source.commit({lost: Position.at(5)})
            assert await second.source.commit({lost: Position.at(2)})

    assert await topics.committed(GROUP, lost) == 2


async def test_a_partition_that_ends_below_its_committed_offset_stops_alone(
    topics: Topics,
) -> None:
    """The topic was created again, or lost its end; the other partition is read."""
    await topics.topic.append(0, numbered(2))
    await topics.topic.append(1, numbered(2))
    await topics.set_committed(GROUP, 0, 10)

    async with member(topics) as first:
        await owned(first, 1)
        records = await read(first.source, 1, 2)

        stopped = first.source.stopped
        assert stopped.keys() == {0}
        assert stopped[0].cause is Cause.LOG_REWRITTEN
        assert "committed 10, but it ends at 2" in stopped[0].reason
    assert [record.offset for record in records] == [0, 1]


async def test_a_committed_offset_at_the_end_is_not_an_error(topics: Topics) -> None:
    """A group that has read everything continues with the next record."""
    await topics.topic.append(0, numbered(2))
    await topics.set_committed(GROUP, 0, 2)

    async with member(topics) as first:
        assert (await owned(first))[0] == 2
        await topics.topic.append(0, numbered(1, start=2))

        assert [r.offset for r in await read(first.source, 0, 1)] == [2]


async def test_fetch_raises_the_error_of_an_assignee(topics: Topics) -> None:
    """A worker must end when its assignment fails; otherwise it would read and count nothing."""

    class Broken(Member):
        def assign(self, positions: Mapping[int, Position]) -> Mapping[int, int]:
            raise LookupError(f"cannot take {len(positions)}")

    async with topics.open_source(GROUP) as source:
        source.subscribe(Broken(source, "a", []))
        with pytest.raises(LookupError, match="cannot take 2"):
            await read(source, 0, 1)


async def test_a_paused_partition_keeps_its_records(topics: Topics) -> None:
    """The other partition is read on; after a resume all records come, in order."""
    async with member(topics) as first:
        await owned(first)
        first.source.pause([0])
        # A request that was out before the pause covers both; this one ends it.
        await topics.topic.append(1, numbered(1))
        await read(first.source, 1, 1)
        await topics.topic.append(0, numbered(2))
        await topics.topic.append(1, numbered(1, start=1))
        fetched = await until(first.source.fetch)
        assert fetched.keys() == {1}

        first.source.resume([0])

        assert [r.value for r in await read(first.source, 0, 2)] == [b"0", b"1"]


async def test_lag_is_the_number_of_unread_records(topics: Topics) -> None:
    """It is known from the last fetch, and 0 for a foreign partition."""
    await topics.topic.append(0, numbered(5))
    async with member(topics) as first:
        await owned(first)
        await read(first.source, 0, 1)

        assert first.source.lag(0, 1) == 4
        assert first.source.lag(0, 5) == 0
        assert first.source.lag(PARTITIONS, 0) == 0


async def test_the_end_of_a_partition_is_the_offset_of_the_next_record(topics: Topics) -> None:
    """The end of an empty partition is 0, and reading is not needed."""
    await topics.topic.append(1, numbered(5))
    async with member(topics) as first:
        await owned(first)

        assert await first.source.end_offset(0, 0) == 0
        assert await first.source.end_offset(1, 5) == 5
