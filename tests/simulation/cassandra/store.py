"""A counter table on one set of Cassandra nodes, and everything that goes wrong with it.

An update goes to a random live node, which leads it: it applies the update, then sends its shard
to the other two. It may die before it sends, or before it answers. Copies arrive late or never,
and so do requests, even long after their sender has given up. Parts of a batch have different
outcomes. The sender gets a success, or an unknown outcome.

One thing never happens here, because no store promises to survive it: a request whose sender
could not yet know that a node lost writes reaches that node as its leader, while no other row
covers the same offset. Cassandra drops counter requests older than 2 s, and no node is back within
that time.
"""

from collections.abc import Callable, Sequence

from consumer.counting.rows.writer_rows import StoredRow
from tests.simulation.cassandra.replica import Copy, Key, Replica
from tests.simulation.cassandra.store_nodes import NOTICE_SECONDS, StoreNodes
from tests.simulation.cassandra.updates import Batch, Update, describe, name_of
from tests.simulation.schedule import Schedule, numbers

CLIENT_TIMEOUT_SECONDS = 4.0
NOTICED_DEAD_SECONDS = 10.0


class Store(StoreNodes):
    """The table ``domain_counters`` on three replicas."""

    def __init__(self, schedule: Schedule, trouble: float, name: str) -> None:
        super().__init__(schedule, name)
        self.trouble = trouble
        self.last_leader = self.replicas[0]
        # Called with a domain when a node that has lost writes has led an update of it.
        self.on_suspect: Callable[[str], None] | None = None
        self._sent_up_to: dict[tuple[Key, bytes], int] = {}

    # ---- updates

    def send(
        self, topic_partition: str, updates: Sequence[Update], done: Callable[[bool], None]
    ) -> None:
        """Send *updates*. *done* is called once: True if a quorum is known to have all of them."""
        schedule = self.schedule
        batch = Batch(topic_partition, updates, schedule.now, done)
        for update in updates:
            row = ((topic_partition, update.domain), update.writer)
            end = self._sent_up_to.get(row, 0) + update.applied_offset
            self._sent_up_to[row] = end
            batch.ends.append(end)
        everything = range(len(updates))
        if schedule.chance() >= self.trouble:
            schedule.after(schedule.between(0.001, 0.03), self._arrive, batch, everything)
            return
        late = [i for i in everything if schedule.chance() < 0.3]
        lost = [i for i in everything if i not in late and schedule.chance() < 0.2]
        in_time = [i for i in everything if i not in late and i not in lost]
        if in_time:
            schedule.after(schedule.between(0.001, 1.5), self._arrive, batch, in_time)
        for i in late:
            schedule.inject("request late")
            schedule.after(schedule.between(1.0, 25.0), self._arrive, batch, [i])
        if lost:
            schedule.inject("request lost")
        self._give_up_later(batch)

    def _arrive(self, batch: Batch, parts: Sequence[int]) -> None:
        for part in parts:
            self._lead(batch, part)
        if min(batch.copies) >= 2:
            self._acknowledge(batch)
        else:
            self._give_up_later(batch)

    def _lead(self, batch: Batch, part: int) -> None:
        schedule, update = self.schedule, batch.updates[part]
        # A node that died just now is not known to be dead.
        believed = [
            node
            for node in self.replicas
            if node.up or schedule.now - node.died_at < NOTICED_DEAD_SECONDS
        ]
        if not believed:
            return
        leader = believed[int(schedule.chance() * len(believed))]
        key = (batch.topic_partition, update.domain)
        if not leader.up or self._not_promised(leader, batch, part):
            return
        shard = leader.lead(
            key,
            update.writer,
            (update.delivered, update.bounced, update.applied_offset),
            int(schedule.now * 1_000_000),
            cached=schedule.chance() < 0.5,
        )
        batch.copies[part] += 1
        self.last_leader = leader
        if schedule.recording:
            schedule.record(leader.name, f"leads {describe(update)}: {numbers(shard[1:])}")
        if leader.lost_writes_at >= 0 and self.on_suspect is not None:
            schedule.after(schedule.between(0.002, 0.05), self.on_suspect, update.domain)
        fate = schedule.chance() / self.trouble if self.trouble else 1.0
        if fate < 0.05:
            schedule.inject("leader died before replicating")
            self.crash(leader, losing=schedule.chance() < 0.5)
            return
        copy = (key, update.writer, leader.number, shard)
        for other in self.others[leader.number]:
            self._replicate(other, copy, batch, part)
        if fate < 0.1:
            schedule.inject("leader died before answering")
            self.crash(leader, losing=schedule.chance() < 0.5)

    def _not_promised(self, leader: Replica, batch: Batch, part: int) -> bool:
        if leader.lost_writes_at + NOTICE_SECONDS < batch.sent_at:
            return False
        superseded = (
            self.applied_offset(batch.topic_partition, batch.updates[part].domain)
            >= batch.ends[part]
        )
        if not superseded:
            self.schedule.inject("(spared) late at a node that lost writes")
        return not superseded

    def _replicate(self, node: Replica, copy: Copy, batch: Batch, part: int) -> None:
        schedule = self.schedule
        fate = schedule.chance() / self.trouble if self.trouble else 1.0
        if fate < 0.25:
            schedule.inject("copy late")
            schedule.after(schedule.between(0.01, 3.0), self._deliver, node, copy, batch, part)
        elif fate < 0.35:
            schedule.inject("copy lost")
        elif node.up:
            node.apply(copy)
            batch.copies[part] += 1
        else:
            schedule.after(schedule.between(1.0, 15.0), self._deliver, node, copy, batch, part)

    def _deliver(self, node: Replica, copy: Copy, batch: Batch, part: int) -> None:
        if (copy[1], copy[2], copy[3][0]) in self.never_sent:
            return
        if not node.up:
            self.schedule.after(2.0, self._deliver, node, copy, batch, part)  # a hint
            return
        node.apply(copy)
        if self.schedule.recording:
            what = describe(batch.updates[part])
            self.schedule.record(
                node.name, f"gets {what} from {self.replicas[copy[2]].name} at last"
            )
        batch.copies[part] += 1
        if min(batch.copies) >= 2:
            self._acknowledge(batch)

    # ---- answers

    def _acknowledge(self, batch: Batch) -> None:
        if batch.answered:
            return
        schedule = self.schedule
        if schedule.chance() < self.trouble * 0.3:
            schedule.inject("answer lost")
            self._give_up_later(batch)
            batch.copies.append(0)  # nothing that comes later answers it
            return
        batch.answered = True
        schedule.after(schedule.between(0.001, 0.01), batch.done, True)  # noqa: FBT003 an outcome

    def _give_up_later(self, batch: Batch) -> None:
        if batch.waiting:
            return
        batch.waiting = True
        left = batch.sent_at + CLIENT_TIMEOUT_SECONDS - self.schedule.now
        # The store may report an unknown outcome earlier.
        wait = self.schedule.between(0.0, left) if self.schedule.chance() < 0.5 else left
        self.schedule.after(max(wait, 0.0), self._give_up, batch)

    def _give_up(self, batch: Batch) -> None:
        if not batch.answered:
            batch.answered = True
            batch.done(False)  # noqa: FBT003 an outcome

    # ---- deletions

    def delete(
        self,
        topic_partition: str,
        rows: Sequence[StoredRow],
        clock_ahead: float,
        done: Callable[[bool], None],
    ) -> None:
        """Delete *rows*; *done* receives whether a quorum has forgotten all of them.

        A deletion carries the time of its client, whose clock may be ahead by so many seconds.
        """
        schedule = self.schedule
        at = int((schedule.now + clock_ahead) * 1_000_000)
        success = True
        for row in rows:
            copies = 0
            for node in self.replicas:
                if node.up and schedule.chance() >= self.trouble * 0.4:
                    node.delete((topic_partition, row.domain.decode()), row.writer, at)
                    copies += 1
            success = success and copies >= 2
        if schedule.recording:
            names = ", ".join(f"{row.domain.decode()} {name_of(row.writer)}" for row in rows)
            schedule.record("store", f"{topic_partition} deletes {names}")
        schedule.after(schedule.between(0.001, 0.02), done, success)
