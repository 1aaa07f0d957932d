"""``make audit`` against a vulnerability service that finds, finds nothing, fails or is absent."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.servers.loopback import random_prefix

ROOT = Path(__file__).parents[3]
SHA256 = f"--hash=sha256:{'0' * 64}"
Answer = Callable[[Any], Awaitable[web.Response]]


async def finds_weak(query: Any) -> web.Response:
    """A service that knows a vulnerability of the package ``weak``."""
    if query["package"]["name"] != "weak":
        return web.json_response({})
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.1"}]}]
    affected = [{"package": {"name": "weak", "ecosystem": "PyPI"}, "ranges": ranges}]
    return web.json_response(
        {"vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "affected": affected}]}
    )


async def refuses(_: Any) -> web.Response:
    """A service that is out of order."""
    return web.Response(status=503)


async def greets(_: Any) -> web.Response:
    """A login page of a network, which answers every request itself."""
    return web.Response(text="<html>please log in</html>")


@asynccontextmanager
async def open_service(answer: Answer) -> AsyncIterator[str]:
    """Serve *answer* on loopback and yield the address."""

    async def handle(request: web.Request) -> web.Response:
        return await answer(await request.json())

    app = web.Application()
    app.router.add_post("/v1/query", handle)
    async with TestServer(app, host=f"{random_prefix()}.1") as server:
        yield str(server.make_url("/v1/query"))


async def audit(folder: Path, url: str, *packages: str, accepted: str = "") -> tuple[int, str]:
    """Run ``make audit`` on a lock of *packages*; return its exit status and what it printed."""
    lock = folder / "requirements.lock"
    lock.write_text("".join(f"{package} {SHA256}\n" for package in packages))
    process = await asyncio.create_subprocess_exec(
        *("make", "--no-print-directory", "--old-file", ".venv/.synced", "audit"),
        *(f"OSV={url}", f"LOCK={lock}"),
        *(f"AUDIT={folder / 'audit.txt'}", f"ACCEPTED={accepted}"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def test_a_finding_fails_and_is_named(tmp_path: Path) -> None:
    """With its package, version, names and the version that fixes it."""
    async with open_service(finds_weak) as url:
        status, printed = await audit(tmp_path, url, "sound==1.0", "weak==2.0")
    assert status != 0
    assert re.search(r"weak +2\.0 +PYSEC-1 +2\.1 +CVE-1", printed)


async def test_an_accepted_finding_passes(tmp_path: Path) -> None:
    """By any of its names."""
    async with open_service(finds_weak) as url:
        status, printed = await audit(tmp_path, url, "weak==2.0", accepted="CVE-1")
    assert (status, printed) == (0, "vulnerabilities: none known\n")


async def test_no_finding_passes(tmp_path: Path) -> None:
    """It prints one line."""
    async with open_service(finds_weak) as url:
        assert await audit(tmp_path, url, "sound==1.0") == (0, "vulnerabilities: none known\n")


@pytest.mark.parametrize("answer", [refuses, greets])
async def test_a_service_without_answers_passes_as_not_checked(
    tmp_path: Path, answer: Answer
) -> None:
    """An outage of the service stops nobody's work, and is not reported as good news."""
    async with open_service(answer) as url:
        status, printed = await audit(tmp_path, url, "weak==2.0")
    assert status == 0
    assert printed.startswith("vulnerabilities: NOT CHECKED")


async def test_an_absent_service_passes_as_not_checked(tmp_path: Path) -> None:
    """As on a machine without a network."""
    with socket.create_server((f"{random_prefix()}.1", 0)) as free:
        host, port = free.getsockname()
    status, printed = await audit(tmp_path, f"http://{host}:{port}/", "weak==2.0")
    assert status == 0
    assert printed.startswith("vulnerabilities: NOT CHECKED")


async def test_a_defect_of_the_audit_itself_fails(tmp_path: Path) -> None:
    """A lock that pip-audit can't read is not a network problem."""
    async with open_service(finds_weak) as url:
        status, _ = await audit(tmp_path, url, "no requirement at all")
    assert status != 0
