"""What a worker relies on as a member of a consumer group."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from consumer.counting.position import Position
from consumer.kafka import partition_offsets
from consumer.kafka.record_source import Record
from shared.errors import LogRewrittenError
from shared.model.record import TRACEPARENT
from tests.contract.harness.logs import Log
from tests.contract.harness.members import GROUP, Member, member, numbered, owned, read
from tests.contract.harness.pipeline import PARTITIONS
from tests.waiting import WAIT_SECONDS

ALL = set(range(PARTITIONS))
TRACED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_group_that_never_committed_starts_at_the_beginning(log: Log) -> None:
    """It reads what was there before it: key, value and offset of every record, in order."""
    await log.topic.append(1, numbered(3))

    async with member(log) as first:
        assert await owned(first) == {0: 0, 1: 0}
        records = await read(first.source, 1, 3)

    assert [(r.offset, r.key, r.value) for r in records] == [
        (0, b"k", b"0"),
        (1, b"k", b"1"),
        (2, b"k", b"2"),
    ]


async def test_records_appended_later_are_read_as_well(log: Log) -> None:
    """A fetch that finds nothing says so in time, and the next one finds what came."""
    async with member(log) as first:
        await owned(first)
        async with asyncio.timeout(WAIT_SECONDS):
            assert not await first.source.fetch()
        await log.topic.append(0, numbered(1))

        assert [r.value for r in await read(first.source, 0, 1)] == [b"0"]


async def test_a_second_member_gets_its_share(log: Log) -> None:
    """Each partition has one owner, and the first is told to give up before the second gets."""
    journal: list[str] = []
    async with member(log, "a", journal) as first:
        await owned(first)
        async with member(log, "b", journal) as second:
            await asyncio.gather(first.has(1), second.has(1))

            assert first.owned.keys() | second.owned.keys() == ALL
    assert journal[:2] == ["a assigned", "a revoked"]
    assert sorted(journal[2:4]) == ["a assigned", "b assigned"]


async def test_who_is_left_gets_everything(log: Log) -> None:
    """The share of a member that leaves goes to the others."""
    async with member(log, "a") as first:
        await owned(first)
        async with member(log, "b") as second:
            await asyncio.gather(first.has(1), second.has(1))

        await first.has(PARTITIONS)


async def test_what_is_committed_while_giving_up_is_where_the_next_owner_starts(log: Log) -> None:
    """A commit during the revocation counts."""
    await log.topic.append(0, numbered(5))
    await log.topic.append(1, numbered(5))
    async with member(log, "a") as first:
        await owned(first)
        first.to_commit = {0: Position(3, 1), 1: Position.at(4)}
        async with member(log, "b") as second:
            await asyncio.gather(first.has(1), second.has(1))

            assert first.commits == [True]
            found = {**first.positions, **second.positions}
            assert found == {0: Position(3, 1), 1: Position.at(4)}


async def test_reading_begins_at_the_keys_that_the_committed_position_names(log: Log) -> None:
    """Records below the committed offset come again, for whoever must know their keys."""
    await log.topic.append(0, numbered(5))
    async with member(log) as first:
        await owned(first)
        assert await first.source.commit({0: Position(3, 1)})

    async with member(log) as second:
        await owned(second)
        records = await read(second.source, 0, 4)

    assert second.positions[0] == Position(3, 1)
    assert [record.offset for record in records] == [1, 2, 3, 4]


async def test_records_carry_the_time_of_their_append(log: Log) -> None:
    """The log's own clock stamps them, in order."""
    await log.topic.append(0, numbered(3))
    async with member(log) as opened:
        await owned(opened)
        stamps = [record.timestamp for record in await read(opened.source, 0, 3)]

    assert stamps == sorted(stamps)
    assert stamps[0] > 1_600_000_000_000


async def test_records_carry_where_they_came_from(log: Log) -> None:
    """Those that are traced, and no others."""
    await log.topic.append(0, numbered(3), {1: TRACED})

    async with member(log) as first:
        await owned(first)
        records = await read(first.source, 0, 3)

    assert [[*r.headers] for r in records] == [[], [(TRACEPARENT, TRACED.encode())], []]


async def test_a_new_member_goes_on_at_the_committed_offset(log: Log) -> None:
    """It reads neither less nor more than what its group has not committed."""
    await log.topic.append(0, numbered(5))
    async with member(log) as first:
        await owned(first)
        await read(first.source, 0, 5)
        assert await first.source.commit({0: Position.at(3)})

    async with member(log) as second:
        assert (await owned(second))[0] == 3
        records = await read(second.source, 0, 2)

    assert await log.committed(GROUP, 0) == 3
    assert [r.value for r in records] == [b"3", b"4"]


async def test_groups_do_not_know_of_each_other(log: Log) -> None:
    """What one has committed is nothing to another."""
    await log.topic.append(0, numbered(5))
    await log.set_committed("others", 0, 5)

    async with member(log) as first:
        assert (await owned(first))[0] == 0


async def test_a_commit_of_what_is_no_longer_ours_is_refused(log: Log) -> None:
    """It says so, and the offset of the new owner stays."""
    await log.topic.append(0, numbered(5))
    await log.topic.append(1, numbered(5))
    async with member(log, "a") as first:
        await owned(first)
        async with member(log, "b") as second:
            await asyncio.gather(first.has(1), second.has(1))
            (lost,) = second.owned

            assert not await first.source.commit({lost: Position.at(5)})
            assert await second.source.commit({lost: Position.at(2)})

    assert await log.committed(GROUP, lost) == 2


async def test_an_offset_beyond_the_end_is_an_alarm(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that is shorter than what was read of it was made anew: no guess where to go on."""
    monkeypatch.setattr(partition_offsets, "STALE_LEADER_SECONDS", 1.0)
    await log.topic.append(0, numbered(2))
    await log.set_committed(GROUP, 0, 10)

    async with member(log) as first:
        with pytest.raises(LogRewrittenError):
            await read(first.source, 0, 1)
        assert not first.owned


async def test_the_very_end_is_no_alarm(log: Log) -> None:
    """A group that has read everything goes on with what comes next."""
    await log.topic.append(0, numbered(2))
    await log.set_committed(GROUP, 0, 2)

    async with member(log) as first:
        assert (await owned(first))[0] == 2
        await log.topic.append(0, numbered(1, start=2))

        assert [r.offset for r in await read(first.source, 0, 1)] == [2]


async def test_what_an_assignee_raises_comes_out_of_fetch(log: Log) -> None:
    """A failed take-over ends the worker; swallowed, it would read on and count nothing."""

    class Broken(Member):
        async def assign(self, positions: Mapping[int, Position]) -> None:
            raise LookupError(f"cannot take {len(positions)}")

    async with log.open_source(GROUP) as source:
        source.subscribe(Broken(source, "a", []))
        with pytest.raises(LookupError, match="cannot take 2"):
            await read(source, 0, 1)


async def test_a_paused_partition_keeps_its_records(log: Log) -> None:
    """The other one is read on; resumed, it gives everything, in order."""
    async with member(log) as first:
        await owned(first)
        first.source.pause([0])
        # A request that was out before the pause covers both; this one ends it.
        await log.topic.append(1, numbered(1))
        await read(first.source, 1, 1)
        await log.topic.append(0, numbered(2))
        await log.topic.append(1, numbered(1, start=1))
        fetched: dict[int, Sequence[Record]] = {}
        while not fetched:
            fetched = dict(await first.source.fetch())
        assert fetched.keys() == {1}

        first.source.resume([0])

        assert [r.value for r in await read(first.source, 0, 2)] == [b"0", b"1"]


async def test_lag_is_what_is_not_read_yet(log: Log) -> None:
    """It is known from the last fetch, and nothing for what is not ours."""
    await log.topic.append(0, numbered(5))
    async with member(log) as first:
        await owned(first)
        await read(first.source, 0, 1)

        assert first.source.lag(0, 1) == 4
        assert first.source.lag(0, 5) == 0
        assert first.source.lag(PARTITIONS, 0) == 0


async def test_the_end_of_a_log_is_the_offset_of_the_next_record(log: Log) -> None:
    """Of an empty one 0, and whether it was read or not."""
    await log.topic.append(1, numbered(5))
    async with member(log) as first:
        await owned(first)

        assert await first.source.end_offset(0, 0) == 0
        assert await first.source.end_offset(1, 5) == 5
