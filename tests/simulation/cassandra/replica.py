"""One replica's copies of counter rows, as in Cassandra.

A counter is a set of shards, one for each node that ever led an update of it. A shard is an
absolute value with a clock. The newest clock of each leader wins; the counter's value is the sum.
The three columns of a row always move in one mutation, so a shard here holds all three.

A node that dies with a periodic commit log loses its latest writes. The simulation spares it what
no replication factor survives: a write that exactly one other replica has may have been
acknowledged, or read, because of these two. So the loss, going back in time, ends at the first
such write. If a write was on no other node, no copy of it may arrive later.
"""

from collections.abc import Sequence

from consumer.counting.rows.writer_rows import StoredRow

Key = tuple[str, str]
"""A topic partition and a domain: rows that are read together."""

Shard = tuple[int, int, int, int]
"""Clock in microseconds, delivered, bounced, applied offset."""

Copy = tuple[Key, bytes, int, Shard]
"""What a leader sends to the other replicas: key, writer, leader and shard."""

_NO_SHARD = (0, 0, 0, 0)


class Row:
    """One replica's copy of one row."""

    __slots__ = ("cached", "deleted_at", "shards")

    def __init__(self) -> None:
        self.shards: dict[int, Shard] = {}
        self.deleted_at = 0
        # The leader's counter cache, which a deletion does not clear.
        self.cached = _NO_SHARD


_NO_ROW = Row()
_NO_ROWS: dict[bytes, Row] = {}


class Replica:
    """One node with its rows. The caller checks that it is up."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.up = True
        self.died_at = -1.0
        self.lost_writes_at = -1.0
        self.rows: dict[Key, dict[bytes, Row]] = {}
        # Another number for each key whenever its rows have changed.
        self.versions: dict[Key, int] = {}
        # The applied writes, oldest first, each with the shard before it; None is a deletion.
        self._applied: list[tuple[Copy, Shard | None] | None] = []

    def row(self, key: Key, writer: bytes) -> Row:
        """Return the copy of a row, an empty one if there was none."""
        rows = self.rows.get(key)
        if rows is None:
            rows = self.rows[key] = {}
        row = rows.get(writer)
        if row is None:
            row = rows[writer] = Row()
        return row

    def lead(
        self, key: Key, writer: bytes, increments: tuple[int, int, int], now: int, *, cached: bool
    ) -> Shard:
        """Apply an update as its leader, on top of this node's copy. Return the new shard."""
        row = self.row(key, writer)
        old = row.shards.get(self.number)
        if old is None:
            old = row.cached if cached else _NO_SHARD
        clock = max(now, old[0] + 1)
        shard = (
            clock,
            old[1] + increments[0],
            old[2] + increments[1],
            old[3] + increments[2],
        )
        self.apply((key, writer, self.number, shard))
        return shard

    def apply(self, copy: Copy) -> None:
        """Apply a shard, unless a newer one of its leader or a deletion is here."""
        key, writer, leader, shard = copy
        row = self.row(key, writer)
        old = row.shards.get(leader)
        if shard[0] > row.deleted_at and (old is None or old[0] < shard[0]):
            row.shards[leader] = shard
            self.versions[key] = self.versions.get(key, 0) + 1
            self._applied.append((copy, old))

    def delete(self, key: Key, writer: bytes, at: int) -> None:
        """Delete every shard of a row up to the clock *at*."""
        row = self.row(key, writer)
        if at <= row.deleted_at:
            return
        row.deleted_at = at
        row.cached = row.shards.get(self.number, _NO_SHARD)
        row.shards = {leader: shard for leader, shard in row.shards.items() if shard[0] > at}
        self.versions[key] = self.versions.get(key, 0) + 1
        self._applied.append(None)

    def has(self, copy: Copy) -> bool:
        """Return whether the shard of *copy*, or a newer one in its place, is here."""
        key, writer, leader, shard = copy
        row = self.rows.get(key, {}).get(writer)
        if row is None:
            return False
        return row.deleted_at >= shard[0] or row.shards.get(leader, _NO_SHARD)[0] >= shard[0]

    def lose(self, most: int, others: Sequence["Replica"]) -> list[Copy]:
        """Forget up to *most* of the latest writes. Return those that no other node has."""
        gone: list[Copy] = []
        for _ in range(most):
            if not self._applied or self._applied[-1] is None:
                break
            copy, before = self._applied[-1]
            having = sum(other.has(copy) for other in others)
            if having == 1:
                break
            if having == 0:
                gone.append(copy)
            self._applied.pop()
            key, writer, leader, _ = copy
            self.versions[key] += 1
            shards = self.rows[key][writer].shards
            if before is None:
                del shards[leader]
            else:
                shards[leader] = before
        return gone


def merge(replicas: Sequence[Replica], key: Key, *, repair: bool) -> list[StoredRow]:
    """Return the rows that one or two *replicas* show together; *repair* makes them equal."""
    tables = [replica.rows.get(key, _NO_ROWS) for replica in replicas]
    first, last = tables[0], tables[-1]
    found: list[StoredRow] = []
    for writer in [*first, *(w for w in last if w not in first)]:
        row, other = first.get(writer, _NO_ROW), last.get(writer, _NO_ROW)
        shards = row.shards
        if shards != other.shards or row.deleted_at != other.deleted_at:
            shards, deleted_at = _newest((row, other))
            if repair:
                for replica in replicas:
                    _repair(replica, key, writer, shards, deleted_at)
        if shards:
            delivered = bounced = applied = 0
            for shard in shards.values():
                delivered += shard[1]
                bounced += shard[2]
                applied += shard[3]
            found.append(StoredRow(key[1].encode(), writer, delivered, bounced, applied))
    return found


def _newest(copies: Sequence[Row]) -> tuple[dict[int, Shard], int]:
    deleted_at = max(copy.deleted_at for copy in copies)
    shards: dict[int, Shard] = {}
    for copy in copies:
        for leader, shard in copy.shards.items():
            if shard[0] > deleted_at and shard[0] > shards.get(leader, _NO_SHARD)[0]:
                shards[leader] = shard
    return shards, deleted_at


def _repair(
    replica: Replica, key: Key, writer: bytes, shards: dict[int, Shard], deleted_at: int
) -> None:
    if deleted_at:
        replica.delete(key, writer, deleted_at)
    for leader, shard in shards.items():
        replica.apply((key, writer, leader, shard))
