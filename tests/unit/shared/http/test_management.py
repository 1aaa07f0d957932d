"""The management port: alive, ready, metrics."""

import asyncio
from contextlib import suppress

import msgspec
from prometheus_client import CollectorRegistry, Counter

from shared.errors import StoreUnavailableError
from shared.http.management import Check, Readiness, build_management, keep_probing
from tests.fakes.requests import ask, json_of


def test_a_process_is_not_ready_before_its_checks_have_passed() -> None:
    """At the start no dependency is assumed to work."""
    readiness = Readiness("kafka", "cassandra")
    readiness["kafka"].passed()
    assert not readiness.ready
    readiness["cassandra"].passed()
    assert readiness.ready


def test_a_process_that_needs_nothing_is_ready() -> None:
    """Without checks it has nothing to wait for."""
    assert Readiness().ready


def test_a_stopping_process_is_not_ready() -> None:
    """Traffic goes to other nodes before this one closes its port."""
    stop = asyncio.Event()
    readiness = Readiness("kafka", stop=stop)
    readiness["kafka"].passed()
    stop.set()
    assert not readiness.ready


def test_the_report_has_the_failed_checks_and_their_errors() -> None:
    """The last error stays visible after the recovery."""
    readiness = Readiness("kafka", "cassandra")
    readiness["kafka"].failed(StoreUnavailableError("no answer"))
    readiness["kafka"].passed()
    readiness["cassandra"].failed(TimeoutError())
    assert msgspec.to_builtins(readiness.report()) == {
        "ready": False,
        "stopping": False,
        "checks": {
            "kafka": {"ok": True, "last_error": "no answer"},
            "cassandra": {"ok": False, "last_error": "TimeoutError"},
        },
    }


async def test_readyz_follows_the_checks() -> None:
    """503 with the report while not ready, 200 with it once ready."""
    readiness = Readiness("kafka")
    app = build_management(readiness, CollectorRegistry())
    response = await ask(app, "GET", "/readyz")
    assert (response.status, json_of(response)["ready"]) == (503, False)
    readiness["kafka"].passed()
    response = await ask(app, "GET", "/readyz")
    assert (response.status, json_of(response)["ready"]) == (200, True)


async def test_a_process_is_alive_while_not_ready() -> None:
    """Restarting this process would not repair a dependency."""
    response = await ask(build_management(Readiness("kafka"), CollectorRegistry()), "GET", "/livez")
    assert response.status == 200


async def test_metrics_are_those_of_the_registry() -> None:
    """In the format of Prometheus."""
    registry = CollectorRegistry()
    Counter("seen", "Seen.", registry=registry).inc(3)
    response = await ask(build_management(Readiness(), registry), "GET", "/metrics")
    assert response.content_type == "text/plain"
    assert isinstance(response.body, bytes)
    assert b"seen_total 3.0" in response.body


async def probe_once(check: Check, error: Exception | None) -> None:
    """Run one probe that passes, or fails with *error*."""

    async def probe() -> None:
        if error is not None:
            raise error

    probing = asyncio.create_task(keep_probing(check, probe))
    await asyncio.sleep(0)
    probing.cancel()
    with suppress(asyncio.CancelledError):
        await probing


async def test_a_probe_keeps_its_check_up_to_date() -> None:
    """A dependency that answers passes, one that does not fails with its error."""
    check = Check()
    await probe_once(check, None)
    assert check == Check(ok=True, last_error=None)
    await probe_once(check, StoreUnavailableError("no answer"))
    assert check == Check(ok=False, last_error="no answer")
