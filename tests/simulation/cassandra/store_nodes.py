"""The three nodes of a replica set: their failures, and what a quorum of them shows."""

from collections.abc import Sequence
from itertools import combinations

from consumer.counting.rows.superseded import started_at
from consumer.counting.rows.writer_rows import StoredRow
from tests.simulation.cassandra.replica import Key, Replica, merge
from tests.simulation.schedule import Schedule

AWAY = (3.0, 9.0)
"""How long a dead node stays away, in seconds."""
NOTICE_SECONDS = 0.1
"""From the death of a node until a client notices the closed connections."""


class StoreNodes:
    """Three replicas of the same rows."""

    def __init__(self, schedule: Schedule, name: str) -> None:
        self.schedule = schedule
        self.replicas = [Replica(number, f"{name}{number}") for number in range(3)]
        # When the connections of a node were closed or opened: a client can notice this.
        self.changes: list[float] = []
        self.never_sent: set[tuple[bytes, int, int]] = set()
        self.others = [[r for r in self.replicas if r is not one] for one in self.replicas]
        self._merged: dict[
            tuple[Key, int, int], tuple[int | None, int | None, bool, list[StoredRow]]
        ] = {}

    # ---- nodes

    def crash(self, node: Replica, *, losing: bool, away: tuple[float, float] = AWAY) -> None:
        """Kill *node* and restart it after a while, perhaps without its latest writes."""
        schedule = self.schedule
        if not node.up:
            return
        node.up = False
        node.died_at = schedule.now
        self.changes.append(schedule.now)
        if losing:
            lost = node.lose(schedule.random.randint(1, 20), self.others[node.number])
            self.never_sent.update((c[1], c[2], c[3][0]) for c in lost)
            node.lost_writes_at = schedule.now
            schedule.inject("node lost writes")
        else:
            schedule.inject("node killed")
        if schedule.recording:
            schedule.record(node.name, "dies, losing its last writes" if losing else "dies")
        schedule.after(schedule.between(*away), self.restart, node)

    def cut_off(self, node: Replica, seconds: float) -> None:
        """Let *node* answer nobody for a while; it keeps its data."""
        if node.up:
            node.up = False
            self.schedule.inject("node cut off")
            if self.schedule.recording:
                self.schedule.record(node.name, "is cut off")
            self.schedule.after(seconds, self.restart, node)

    def lose_quorum(self) -> list[Replica]:
        """Let two nodes answer nobody; return those to restart, which does not end a crash."""
        away = [node for node in self.schedule.random.sample(self.replicas, 2) if node.up]
        for node in away:
            node.up = False
        self.schedule.inject("set without a quorum")
        if self.schedule.recording:
            self.schedule.record(", ".join(node.name for node in away), "are cut off")
        return away

    def restart(self, node: Replica) -> None:
        """Let *node* answer again."""
        node.up = True
        self.changes.append(self.schedule.now)
        if self.schedule.recording:
            self.schedule.record(node.name, "is back")

    def live(self) -> list[Replica]:
        """Return the nodes that answer."""
        return [node for node in self.replicas if node.up]

    # ---- reads

    def read(self, topic_partition: str, domain: str) -> list[StoredRow] | None:
        """Return the rows as two random nodes have them together, None without two."""
        live = self.live()
        if len(live) < 2:
            return None
        if len(live) == 3:
            del live[int(self.schedule.chance() * 3)]
        return self._merge(live[0], live[1], (topic_partition, domain), repair=True)

    def _merge(self, one: Replica, two: Replica, key: Key, *, repair: bool) -> list[StoredRow]:
        """Merge, or return what came of it the last time if nothing has changed since."""
        place = (key, one.number, two.number)
        seen = self._merged.get(place)
        if (
            seen is not None
            and seen[0] == one.versions.get(key)
            and seen[1] == two.versions.get(key)
            and seen[2] >= repair
        ):
            return seen[3]
        rows = merge((one, two), key, repair=repair)
        self._merged[place] = (one.versions.get(key), two.versions.get(key), repair, rows)
        return rows

    def read_at_one(self, topic_partition: str, domain: str) -> list[StoredRow] | None:
        """Return the rows as one random node has them."""
        live = self.live()
        if not live:
            return None
        return merge(
            [live[int(self.schedule.chance() * len(live))]], (topic_partition, domain), repair=False
        )

    def applied_offset(self, topic_partition: str, domain: str) -> int:
        """Return the largest offset that every two nodes show, up or not."""
        key = (topic_partition, domain)
        return min(
            max([row.applied_offset for row in self._merge(one, two, key, repair=False)], default=0)
            for one, two in combinations(self.replicas, 2)
        )

    def read_bucket(self, topic_partition: str, domains: Sequence[str]) -> list[StoredRow] | None:
        """Return the rows of all *domains* as two random nodes have them together."""
        found: list[StoredRow] = []
        for domain in domains:
            rows = self.read(topic_partition, domain)
            if rows is None:
                return None
            found += sorted(rows, key=lambda row: started_at(row.writer), reverse=True)
        return found
