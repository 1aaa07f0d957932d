"""Read, increment and delete the writer rows of one topic partition in Cassandra, by bucket."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from struct import Struct
from typing import Any, Protocol, Self

from consumer.counting.rows.writer_rows import RowIncrement, StoredRow
from shared.cassandra.session import UNSET, Session, encode_int

_READ = (
    "SELECT domain, log, writer, delivered, bounced, applied_offset"
    " FROM {keyspace}.domain_counters WHERE bucket = ?"
)
_UPDATE = (
    "UPDATE {keyspace}.domain_counters SET delivered = delivered + ?, bounced = bounced + ?,"
    " applied_offset = applied_offset + ?"
    " WHERE bucket = ? AND domain = ? AND log = ? AND writer = ?;"
)
_DELETE = (
    "DELETE FROM {keyspace}.domain_counters"
    " WHERE bucket = ? AND domain = ? AND log = ? AND writer = ?;"
)
_RIGHTS = (
    "SELECT domain FROM {keyspace}.domain_counters WHERE bucket = -1",
    "DELETE FROM {keyspace}.domain_counters WHERE bucket = -1",
)
"""Neither finds anything to do: no bucket is negative."""

_READ_PAGE_ROWS = 5_000
_DELETE_ROWS = 32
_SIZES = (1, 2, 4, 8, 16, *range(32, 257, 32))
MAX_ROWS = _SIZES[-1]
"""Of one write. Each size is a prepared batch of its own: one statement with all values costs the
driver half of what a batch of that many statements does (4.4 us a row instead of 8.5). Both sides
pay for what a size leaves free, too."""

_bigint = Struct(">q").pack


class CounterStore(Protocol):
    """A store of counter rows whose increments have no identity and may fail in doubt."""

    async def read(self, topic_partition: str, bucket: int) -> list[StoredRow]:
        """Return the rows of *topic_partition* in *bucket*, as a quorum has them.

        Sorted by domain; of one domain the row that was started last comes first.

        Raises StoreUnavailableError.
        """

    async def write(self, topic_partition: str, bucket: int, rows: Sequence[RowIncrement]) -> None:
        """Add all increments of *rows*, at most MAX_ROWS, once each; return when a quorum has them.

        Raises RetriableError if any of them may be missing: they may have been applied.
        """

    async def delete(self, topic_partition: str, bucket: int, rows: Sequence[StoredRow]) -> None:
        """Delete *rows*, which may be gone already.

        Raises RetriableError if any of them may still be there.
        """

    def replicas_of(self, bucket: int) -> tuple[str, ...]:
        """Return the replicas of *bucket*; () while they are not known."""

    def epoch(self) -> int:
        """Return another number than before if a node may have lost its last writes.

        Call it before rows are written and before an acknowledgement is believed.
        """


class CassandraCounterStore:
    """The store on Cassandra counter columns."""

    def __init__(self, session: Session, read: Any, updates: Sequence[Any], delete: Any) -> None:
        self._session = session
        self._read = read
        self._updates = dict(zip(_SIZES, updates, strict=True))
        self._delete = delete

    @classmethod
    async def prepare(cls, session: Session) -> Self:
        """Return the store with its statements prepared.

        Raises StoreUnavailableError, and AccessDeniedError if we may not read and write.
        """
        update = _UPDATE.format(keyspace=session.keyspace)
        store = cls(
            session,
            await session.prepare(
                _READ.format(keyspace=session.keyspace), fetch_size=_READ_PAGE_ROWS
            ),
            [
                await session.prepare(f"BEGIN COUNTER BATCH {update * size} APPLY BATCH")
                for size in _SIZES
            ],
            await session.prepare(_DELETE.format(keyspace=session.keyspace)),
        )
        await session.require(*(right.format(keyspace=session.keyspace) for right in _RIGHTS))
        return store

    async def read(self, topic_partition: str, bucket: int) -> list[StoredRow]:
        """See CounterStore. Rows of other topic partitions in the bucket are passed over."""
        return [
            StoredRow(domain.encode(), writer.bytes, delivered or 0, bounced or 0, applied or 0)
            for domain, log, writer, delivered, bounced, applied in await self._session.read_pages(
                self._read.bind((bucket,))
            )
            if log == topic_partition
        ]

    async def write(self, topic_partition: str, bucket: int, rows: Sequence[RowIncrement]) -> None:
        """See CounterStore. All rows are in one Cassandra partition: one mutation, all or nothing.

        Values are encoded here: the driver's own binding looks at each column's type.
        """
        size = next(size for size in _SIZES if size >= len(rows))
        key = encode_int(bucket)
        values = encode_rows(rows, size, key, topic_partition.encode())
        await self._session.write_encoded(self._updates[size], values, key)

    async def delete(self, topic_partition: str, bucket: int, rows: Sequence[StoredRow]) -> None:
        """See CounterStore. A deletion may be repeated, so its outcome is never in doubt."""
        key, log = encode_int(bucket), topic_partition.encode()
        for start in range(0, len(rows), _DELETE_ROWS):
            await self._session.write_batch(
                self._delete,
                [[key, r.domain, log, r.writer] for r in rows[start : start + _DELETE_ROWS]],
                key,
            )

    def replicas_of(self, bucket: int) -> tuple[str, ...]:
        """See CounterStore."""
        return self._session.replicas_of(encode_int(bucket))

    def epoch(self) -> int:
        """See CounterStore. A node that comes back does so over a new connection."""
        return self._session.node_epoch()


def encode_rows(rows: Sequence[RowIncrement], size: int, key: bytes, log: bytes) -> list[Any]:
    """Return the values of a batch of *size* updates, 7 for each.

    Cassandra leaves a column alone whose increment is unset. Most domains never bounce, and two
    columns cost it less than three. What *rows* leave free sets nothing in the last row.
    """
    values: list[Any] = []
    for domain, writer, delivered, bounced, applied, never_bounced in rows:
        values += (
            _bigint(delivered),
            UNSET if never_bounced else _bigint(bounced),
            *(_bigint(applied), key, domain, log, writer),
        )
    filling: Iterable[Any] = (UNSET, UNSET, UNSET, *values[-4:])
    for _ in repeat(None, size - len(rows)):
        values += filling
    return values
