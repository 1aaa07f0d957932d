"""A closed system: right settings work; wrong ones end a process with one line, nothing written.

The servers are real, with TLS, passwords and an authorizer; each tier has its own user.
"""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError
from cassandra import Unauthorized

from deploy.processes import process
from tests.clients.client import Client
from tests.servers.certificates import Authority
from tests.system.security.wrong_settings import doubtful_servers, own_ports, wrong_ones
from tests.tiers.closed import INGEST, QUERY, WORKER, Closed, open_closed
from tests.tiers.stack import TierProcess
from tests.waiting import until, until_equal

LIMIT_SECONDS = 90.0
"""For a process that ends by itself, on a busy machine."""
AT_ONCE = 3
TIERS = {"ingest": INGEST, "consumer": WORKER, "query": QUERY}


@pytest_asyncio.fixture(scope="module")
async def closed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Closed]:
    """One pair of closed servers for this module."""
    async with open_closed(tmp_path_factory.mktemp("closed")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def tiers(closed: Closed) -> tuple[TierProcess, TierProcess, TierProcess]:
    """An ingest node of two processes, a worker and a query node, each with its own user."""
    worker = closed.stack.worker(**closed.user(WORKER))
    ingest = closed.stack.ingest(**closed.user(INGEST), INGEST_PROCESSES="2")
    started = await asyncio.gather(ingest, worker)
    # Last: its pulse reads the tiers that were started before it.
    return *started, await closed.stack.query(**closed.user(QUERY))


async def test_an_event_passes_the_whole_pipeline_over_tls(
    closed: Closed, tiers: tuple[TierProcess, TierProcess, TierProcess]
) -> None:
    """The rights of each tier suffice; the pulse reads all tiers, over https too."""
    ingest, _, query = tiers
    client = Client(closed.stack.http, ingest.url, query.url)
    assert ingest.url.startswith("https://")
    assert (await client.put("a.example.com", "bounced")).status == 202
    await client.wait_for_counts("a.example.com", 0, 1)

    async def pulse() -> tuple[object, list[bool], int]:
        found = await get_json(closed, f"{query.url}/pulse")
        up = [target["up"] for target in found["targets"]]
        return found["failing"], up, sum(part["end"] for part in found["partitions"])

    await until_equal(pulse, ({}, [True] * 3, 1))
    # The worker wrote the change and the query node may read it.
    async with closed.consumer(QUERY) as consumer:
        changes = [TopicPartition(f"{closed.stack.name}-changes", number) for number in (0, 1)]

        async def written() -> int:
            return sum((await consumer.end_offsets(changes)).values())

        await until_equal(written, 1)


async def test_sighup_renews_the_certificate_of_every_process(
    closed: Closed, tiers: tuple[TierProcess, TierProcess, TierProcess], tmp_path: Path
) -> None:
    """The parent passes the signal on; open connections keep the old certificate."""
    ingest = tiers[0]
    fresh = closed.authority.issue("renewed", closed.stack.host)
    address = ingest.management.removeprefix("https://").split(":")
    ports = [int(address[1]) + number for number in range(2)]
    before = [await serial(closed, port) for port in ports]
    old = await asyncio.open_connection(closed.stack.host, ports[0], ssl=closed.stack.trust)
    kept = [closed.authority.file.with_name(name) for name in ("tiers.pem", "tiers.key")]
    for file in kept:
        shutil.copyfile(file, tmp_path / file.name)
    try:
        for source, file in zip(fresh, kept, strict=True):
            shutil.copyfile(source, file)
        os.kill(ingest.running.pid, signal.SIGHUP)
        for port, former in zip(ports, before, strict=True):

            async def is_renewed(port: int = port, former: str = former) -> bool:
                return await serial(closed, port) != former

            await until(is_renewed)
    finally:
        for file in kept:
            shutil.copyfile(tmp_path / file.name, file)
    reader, writer = old
    writer.write(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    await writer.wait_closed()
    assert ingest.running.poll() is None


async def test_wrong_security_settings_end_a_process_with_one_line(
    closed: Closed, tmp_path: Path
) -> None:
    """Wrong passwords, users, rights, authorities and certificates end each tier with status 1."""
    stranger = Authority(tmp_path / "stranger")
    gate = asyncio.Semaphore(AT_ONCE)
    before = await closed.ends(), await closed.rows()

    async def run(module: str, number: int, environment: Mapping[str, str], words: str) -> str:
        right = {} if module == "deploy.prepare" else closed.user(TIERS[module])
        command = closed.stack.run_once(module, {**right, **own_ports(module), **environment})
        log = command.log.with_name(f"wrong-{module}-{number}.log")
        command = process.Command(
            command.name, command.arguments, log, command.folder, command.environment
        )
        async with gate:
            try:
                status: int | None = await process.run(command, process.launch, LIMIT_SECONDS)
            except TimeoutError:
                status = None
        entries = [json.loads(line) for line in log.read_text().splitlines()]
        loud = [entry for entry in entries if entry["level"] in {"error", "critical"}]
        if status == 1 and len(loud) == 1 and words in loud[0].get("error", ""):
            return ""
        return f"{module} {sorted(environment)}: {status}, not {words!r}:\n{log.read_text()}"

    async with doubtful_servers(closed) as doubtful:
        wrong = wrong_ones(closed, doubtful, stranger.file)
        said = await asyncio.gather(
            *(
                run(module, number, *each)
                for module, table in wrong.items()
                for number, each in enumerate(table)
            )
        )
    assert not any(said), "\n".join(filter(None, said))
    assert (await closed.ends(), await closed.rows()) == before


async def test_no_user_has_the_rights_of_another(closed: Closed) -> None:
    """Kafka and Cassandra refuse it themselves, independent of our code."""
    name = closed.stack.name
    for user, topic in (
        (INGEST, "changes"),
        (INGEST, "dead-letters"),
        (WORKER, "events"),
        (QUERY, "events"),
        (QUERY, "changes"),
    ):
        async with closed.producer(user) as producer:
            with pytest.raises(TopicAuthorizationFailedError):
                await producer.send_and_wait(f"{name}-{topic}", b"value")
    for user, topic in ((INGEST, "events"), (WORKER, "changes"), (QUERY, "events")):
        async with closed.consumer(user) as consumer:
            at = TopicPartition(f"{name}-{topic}", 0)
            consumer.assign([at])
            consumer.seek(at, 0)
            with pytest.raises(TopicAuthorizationFailedError):
                await consumer.getone()
    keyspace = name.replace("-", "_")
    users = closed.security.users
    for user, statement in (
        (QUERY, f"DELETE FROM {keyspace}.domain_counters WHERE bucket = 0 AND domain = 'a'"),  # noqa: S608
        (QUERY, f"TRUNCATE {keyspace}.domain_counters"),
        (WORKER, f"DROP TABLE {keyspace}.domain_counters"),
        (WORKER, "SELECT role, salted_hash FROM system_auth.roles"),
    ):
        with pytest.raises(Unauthorized):
            await closed.cql(user, users[user], [statement])


async def test_no_secret_is_in_any_output(
    closed: Closed, tiers: tuple[TierProcess, TierProcess, TierProcess]
) -> None:
    """Neither in a log of the tiers or servers nor in a command line. Last: it reads all logs."""
    logs = [*closed.stack.folder.glob("*.log"), *(node.log for node in closed.servers.nodes)]
    assert len(logs) > 20
    texts = {str(log): log.read_text() for log in logs}
    for tier in tiers:
        for each in (psutil.Process(tier.running.pid), *children(tier)):
            texts[f"{tier.name} {each.pid}"] = " ".join(each.cmdline())
        async with closed.stack.http.get(f"{tier.management}/metrics") as answer:
            texts[f"{tier.name} metrics"] = await answer.text()
    for place, text in texts.items():
        assert not [secret for secret in closed.secrets if secret in text], place


def children(tier: TierProcess) -> list[psutil.Process]:
    """Return the processes that *tier* started."""
    return psutil.Process(tier.running.pid).children(recursive=True)


async def get_json(closed: Closed, url: str) -> dict[str, Any]:
    """Return the JSON answer of *url*."""
    async with closed.stack.http.get(url) as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def serial(closed: Closed, port: int) -> str:
    """Return the serial number of the certificate on *port*."""
    _, writer = await asyncio.open_connection(closed.stack.host, port, ssl=closed.stack.trust)
    shown = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    await writer.wait_closed()
    return str(shown)
