"""pip-audit against a service that finds, finds nothing, hangs, fails or is not there."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.servers.loopback import random_prefix
from tests.tools.dependencies.audit import KNOWN, Limits, Outcome, audit, run_pip_audit

LIMITS = Limits(answer_seconds=10, audit_seconds=60)
Answer = Callable[[Any], Awaitable[web.Response]]


def finding(name: str, version: str) -> dict[str, Any]:
    """Return what the service says of a package that is vulnerable."""
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": f"{version}.1"}]}]
    affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}]
    return {"vulns": [{"id": f"PYSEC-{name}", "aliases": [f"CVE-{name}"], "affected": affected}]}


async def knows_weak(query: Any) -> web.Response:
    """A sound service: ``weak`` and ``known`` are vulnerable, and so is what everybody knows."""
    name, version = query["package"]["name"], query["version"]
    known = name in {"weak", "known"} or query == KNOWN
    return web.json_response(finding(name, version) if known else {})


@asynccontextmanager
async def open_service(answer: Answer) -> AsyncIterator[str]:
    """Open a service on loopback and yield where to ask it."""

    async def handle(request: web.Request) -> web.Response:
        return await answer(await request.json())

    app = web.Application()
    app.router.add_post("/v1/query", handle)
    async with TestServer(app, host=f"{random_prefix()}.1") as server:
        yield str(server.make_url("/v1/query"))


SHA256 = f"--hash=sha256:{'0' * 64}"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """Three packages, locked with hashes; a fourth is for another Python."""
    written = tmp_path / "requirements.lock"
    written.write_text(
        f"sound==1.0 {SHA256}\nweak==2.0 \\\n    {SHA256}\nknown==3.0 {SHA256}\n"
        f"gone==1 ; python_full_version < '3' {SHA256}\n"
    )
    return written


@pytest.fixture
def sound_lock(tmp_path: Path) -> Path:
    """One package of which nothing bad is known."""
    written = tmp_path / "sound.lock"
    written.write_text(f"sound==1.0 {SHA256}\n")
    return written


async def test_a_finding_is_named_and_one_that_is_ignored_is_not(lock: Path) -> None:
    """By any of its names."""
    async with open_service(knows_weak) as url:
        assert await audit(url, lock, ["CVE-known"], LIMITS) == (
            Outcome.FOUND,
            ["weak 2.0: PYSEC-weak (CVE-weak), fixed in 2.0.1"],
        )


async def test_nothing_found_is_good_news_of_all_that_is_locked(sound_lock: Path) -> None:
    """It says of how many."""
    async with open_service(knows_weak) as url:
        assert await audit(url, sound_lock, (), LIMITS) == (
            Outcome.CLEAN,
            ["none of 1 packages is known to be vulnerable"],
        )


async def refuses(_: Any) -> web.Response:
    """A service that is out of order."""
    return web.Response(status=503)


async def greets(_: Any) -> web.Response:
    """A gate of a network that answers everything itself."""
    return web.Response(text="<html>please log in</html>")


async def knows_nothing(_: Any) -> web.Response:
    """A service without data."""
    return web.json_response({})


async def hangs(_: Any) -> web.Response:
    """A service that accepts and never answers."""
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    ("answer", "seconds", "reason"),
    [
        (refuses, 10, "it answers 503"),
        (greets, 10, "its answer is no JSON"),
        (knows_nothing, 10, "it does not know of what everybody knows"),
        (hangs, 0.2, "no answer within 0.2 s"),
    ],
)
async def test_a_service_of_no_use_is_told_from_good_news(
    lock: Path, answer: Answer, seconds: float, reason: str
) -> None:
    """Each says what is wrong, and none is believed to have found nothing."""
    async with open_service(answer) as url:
        found = await audit(url, lock, (), Limits(answer_seconds=seconds))
    assert found == (Outcome.UNREACHABLE, [reason])


async def test_a_service_that_is_not_there_is_told_from_good_news(lock: Path) -> None:
    """Nobody listens there."""
    with socket.create_server((f"{random_prefix()}.1", 0)) as free:
        host, port = free.getsockname()
    outcome, (reason,) = await audit(f"http://{host}:{port}/", lock, (), LIMITS)
    assert outcome is Outcome.UNREACHABLE
    assert f"Cannot connect to host {host}:{port}" in reason


async def test_a_service_that_fails_midway_gives_no_report(lock: Path) -> None:
    """What pip-audit says last is passed on."""
    async with open_service(refuses) as url:
        found = await run_pip_audit(url, lock, (), LIMITS)
    assert isinstance(found, str)
    assert "ServiceError" in found


async def test_an_audit_that_takes_too_long_is_ended(lock: Path) -> None:
    """Each answer may be in time, and all of them together too late."""
    async with open_service(hangs) as url:
        found = await run_pip_audit(url, lock, (), Limits(audit_seconds=0.5))
    assert found == "not done within 0.5 s"
