"""The readiness of a node follows its probes and its stop event."""

import asyncio
from contextlib import suppress

import pytest

from shared.errors import StoreUnavailableError
from shared.http.management import Readiness, new_registry
from shared.runtime.node import Node


def build_node() -> Node:
    """Return a node that depends on one store and has no ports."""
    stop = asyncio.Event()
    readiness = Readiness("store", stop=stop)
    return Node(stop, new_registry(), readiness, access=None, tls=None, spans=None)


async def test_a_node_is_ready_while_its_probes_pass_and_nothing_stops_it() -> None:
    """A stopping node is not ready, whatever its probes return."""
    node, probed = build_node(), asyncio.Event()

    async def probe() -> None:
        probed.set()

    assert not node.readiness.ready
    async with node.probing(store=probe):
        await probed.wait()
        assert node.readiness.ready
        node.stop.set()
        assert (node.readiness.ready, node.readiness.stopping) == (False, True)


async def test_a_probe_that_fails_is_reported_and_goes_on() -> None:
    """A dependency that is away does not end the process."""
    node, probed = build_node(), asyncio.Event()

    async def probe() -> None:
        probed.set()
        raise StoreUnavailableError("no answer")

    async with node.probing(store=probe):
        await probed.wait()
        await asyncio.sleep(0)
        assert node.readiness["store"].last_error == "no answer"
        assert not node.readiness.ready


async def test_a_defect_of_a_probe_ends_the_process() -> None:
    """It is not taken for a dependency that is away."""

    async def probe() -> None:
        raise LookupError("a defect")

    with pytest.RaisesGroup(LookupError):
        async with build_node().probing(store=probe):
            await asyncio.Event().wait()


async def test_no_probe_goes_on_after_the_node_has_left_them() -> None:
    """The store may be closed from then on."""
    calls = 0

    async def probe() -> None:
        nonlocal calls
        calls += 1

    async with build_node().probing(store=probe):
        await asyncio.sleep(0)
    before = calls
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    assert calls == before
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "probe-store"]
