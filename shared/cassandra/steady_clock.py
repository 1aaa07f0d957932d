"""Let the driver measure time with a clock that is never set.

The driver measures each timeout, heartbeat and delay of a reconnection with the wall clock. Set
forward, it times every request out at once; set back, they wait for as long as the step. So the
driver's modules get another ``time``, except ``cassandra.timestamps``, which needs the wall clock.
``tests/contract/cassandra/test_frozen_servers.py`` fails when a version measures in another way.
"""

import time

import cassandra.cluster
import cassandra.connection
import cassandra.pool

_PLACES = (cassandra.cluster, cassandra.connection, cassandra.pool)


class SteadyClock:
    """What the driver uses of the module ``time``.

    It goes on from the wall clock, so that it does not disturb what waits already.
    """

    def __init__(self) -> None:
        self._offset_seconds = time.time() - time.monotonic()
        self.sleep = time.sleep

    def time(self) -> float:
        """Return seconds since the epoch, as if the wall clock had not been set since."""
        return time.monotonic() + self._offset_seconds


def use_steady_clock() -> None:
    """Give the driver a steady clock, for the whole process, unless it has one."""
    if isinstance(cassandra.connection.time, SteadyClock):
        return
    clock = SteadyClock()
    for module in _PLACES:
        module.time = clock
    cassandra.cluster.ControlConnection._time = clock  # noqa: SLF001 there is no public way
