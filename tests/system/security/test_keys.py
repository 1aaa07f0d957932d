"""Nodes that require API keys: who has access, how keys change, and where no secret appears."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from deploy.processes import process
from tests.clients.client import Client, Reply
from tests.clients.documented import check, examples_of, send
from tests.tiers.keyed import Keyed
from tests.tiers.processes import PROCESSES, all_ready
from tests.tiers.stack import Stack, TierProcess
from tests.waiting import until, until_equal


@pytest_asyncio.fixture(scope="module")
async def opened(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Stack, TierProcess, TierProcess, Path]]:
    """A query node and an ingest node that read one file, which has no keys yet."""
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    file.write_text('{"keys": []}')
    closed = {"ACCESS_KEYS_FILE": str(file)}
    async with stack.guests():
        query, ingest = await asyncio.gather(
            stack.query(**closed), stack.ingest(**closed, INGEST_PROCESSES=str(PROCESSES))
        )
        await all_ready(stack, ingest)
        yield stack, query, ingest, file


@pytest.fixture
def closed(
    opened: tuple[Stack, TierProcess, TierProcess, Path], capsys: pytest.CaptureFixture[str]
) -> Keyed:
    """The nodes as a test uses them."""
    return Keyed(*opened, capsys)


def code(reply: Reply) -> tuple[int, str]:
    """Return the status and code of a refusal."""
    return reply.status, reply.body["code"]


async def test_only_requests_with_a_valid_key_are_accepted(closed: Keyed) -> None:
    """Access depends on the scope; a refused request leaves no record in Kafka."""
    sender = closed.desk("new", "sender", "--scope", "ingest")
    customer = await closed.new("customer", "--scope", "query")
    operator = await closed.new("operator", "--scope", "operate")
    client, line = closed.client, b'{"domain": "keys.example.com", "event": "bounced"}\n'
    before = await closed.stored(operator)
    wrong = [
        {},
        {"Authorization": "Bearer nobody.x"},
        {"Authorization": f"{sender['Authorization']}x"},
        {"Authorization": sender["Authorization"].replace("Bearer", "Basic")},
    ]
    for headers in wrong:
        answers = [
            await client.put("keys.example.com", "bounced", headers=headers),
            await client.post_lines(line, **headers),
            await client.request(
                "GET", f"{client.query}/domains/keys.example.com", headers=headers
            ),
            await client.request("POST", f"{client.query}/domains", headers=headers),
            await client.request("GET", f"{client.query}/changes", headers=headers),
            await client.request("GET", f"{client.query}/rates", headers=headers),
            await client.request("GET", f"{client.query}/pulse", headers=headers),
        ]
        assert {code(each) for each in answers} == {(401, "unauthorized")}
        assert {each.headers["WWW-Authenticate"] for each in answers} == {"Bearer"}
        assert len({each.text for each in answers}) == 1
    assert code(await client.put("keys.example.com", "bounced", headers=customer)) == (
        403,
        "scope_missing",
    )
    assert code(await client.post_lines(line, **customer)) == (403, "scope_missing")
    assert await closed.stored(operator) == before
    pulse = await client.request("GET", f"{client.query}/pulse", headers=customer)
    assert code(pulse) == (403, "scope_missing")
    rates = await client.request("GET", f"{client.query}/rates", headers=customer)
    assert rates.body["points"]

    for _ in range(3):
        assert (await client.put("keys.example.com", "delivered", headers=sender)).status == 202
    assert (await client.post_lines(line, **sender)).status == 202

    async def counted() -> Reply | None:
        url = f"{client.query}/domains/keys.example.com"
        reply = await client.request("GET", url, headers=customer)
        return reply if (reply.body["delivered"], reply.body["bounced"]) == (3, 1) else None

    assert "public" not in (await until(counted)).headers["Cache-Control"]
    asked = await client.request("GET", f"{client.query}/domains/a.example", headers=sender)
    assert code(asked) == (403, "scope_missing")


async def test_the_page_and_the_documents_need_no_key(closed: Keyed) -> None:
    """No key is needed; a look-up through the page without a key gets a page without an answer."""
    client = closed.client
    for path in (
        "/",
        "/operators",
        "/docs",
        "/docs/ingest.json",
        "/openapi.json",
        "/static/main.js",
    ):
        assert (await client.request("GET", f"{client.query}{path}")).status == 200
    asked = await client.request("GET", f"{client.query}/?domain=keys.example.com")
    assert (asked.status, asked.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert asked.headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'data-code="unauthorized"' in asked.text
    assert "data-domain" not in asked.text  # the card of an answer has it
    for node in (closed.ingest, closed.query):
        assert (await client.request("GET", f"{node.management}/metrics")).status == 200


async def test_a_missing_key_is_answered_as_documented(closed: Keyed) -> None:
    """This holds for every operation that requires a key."""
    sent = 0
    for node in (closed.ingest, closed.query):
        document = (await closed.client.request("GET", f"{node.url}/openapi.json")).body
        for example in examples_of(document):
            if example.name == "unauthorized":
                check(example, await send(closed.client, node.url, example), document)
                sent += 1
    assert sent == 10


async def test_a_secret_is_rotated_without_a_refused_request(closed: Keyed) -> None:
    """After SIGHUP both secrets are valid, then only the new one, in every process."""
    first = await closed.new("changing", "--scope", "ingest")
    client = closed.client

    async def statuses(headers: Mapping[str, str]) -> set[int]:
        """Send requests over new connections, which the kernel spreads over both processes."""
        fresh = {**headers, "Connection": "close"}
        asked = [client.put("changed.example.com", "bounced", headers=fresh) for _ in range(12)]
        return {reply.status for reply in await asyncio.gather(*asked)}

    assert await statuses(first) == {202}
    second = closed.desk("rotate", "changing")
    assert await statuses(second) == {401}  # the change of the file has no effect yet
    await closed.reload()
    assert await statuses(first) == await statuses(second) == {202}
    closed.desk("retire", "changing")
    await closed.reload()
    assert (await statuses(first), await statuses(second)) == ({401}, {202})

    right = closed.file.read_bytes()
    closed.file.write_text('{"keys": [{"id": "changing", "sha256": ["plain"], "scopes": []}]}')
    await closed.hang_up("the old one stays")
    assert await statuses(second) == {202}
    for node in (closed.ingest, closed.query):

        async def is_counted(node: TierProcess = node) -> bool:
            metrics = (await client.request("GET", f"{node.management}/metrics")).text
            return '\ncatchall_reloads_total{outcome="failed",what="keys"} 1.0\n' in metrics

        await until(is_counted)
    (line,) = [line for line in closed.query.log_text().splitlines() if "the old one stays" in line]
    assert json.loads(line)["level"] == "error"
    assert "keys[0].sha256[0]" in line
    assert "keys[0].scopes" in line
    closed.file.write_bytes(right)
    await closed.reload()


async def test_requests_over_the_quota_are_refused(closed: Keyed) -> None:
    """429 with Retry-After; a bulk request over the quota is refused whole and counts nothing."""
    customer = closed.desk("new", "limited", "--scope", "query", "--requests-per-second", "5")
    watcher = closed.desk("new", "watcher", "--scope", "operate")
    sender = await closed.new("bulky", "--scope", "ingest", "--events-per-second", "10")
    client = closed.client
    url = f"{client.query}/domains/limited.example.com"

    async def ask(times: int) -> list[Reply]:
        asked = [client.request("GET", url, headers=customer) for _ in range(times)]
        return await asyncio.gather(*asked)

    began = time.monotonic()
    replies = await ask(20)
    refused = [reply for reply in replies if reply.status == 429]
    assert 5 <= len(replies) - len(refused) <= 6 + 5 * (time.monotonic() - began)
    assert {(each.body["code"], each.headers["Retry-After"]) for each in refused} == {
        ("quota_exceeded", "1")
    }
    await asyncio.sleep(1)
    assert {reply.status for reply in await ask(5)} == {200}

    # One connection reaches one process, and each process has its own quota.
    lines = b'{"domain": "bulky.example.com", "event": "bounced"}\n' * 30
    before = await closed.stored(watcher)
    async with closed.stack.http.__class__() as alone:
        single = Client(alone, client.ingest, client.query)
        first = await single.request("POST", f"{client.ingest}/events", **bulk(lines, sender))
        second = await single.request("POST", f"{client.ingest}/events", **bulk(lines, sender))
        put = await single.put("bulky.example.com", "bounced", headers=sender)
    assert (first.status, first.body["accepted"]) == (202, 30)
    assert code(second) == code(put) == (429, "quota_exceeded")
    assert int(second.headers["Retry-After"]) in {2, 3}
    # 30 events of one domain are one record.
    await until_equal(lambda: closed.stored(watcher), before + 1)


def bulk(lines: bytes, headers: Mapping[str, str]) -> dict[str, object]:
    """Return the options of a bulk request."""
    headers = {"Content-Type": "application/x-ndjson", **headers}
    return {"data": io.BytesIO(lines), "headers": headers}


async def test_no_secret_is_in_logs_metrics_or_environment(closed: Keyed) -> None:
    """Neither in logs and metrics nor in the command line or environment."""
    key = await closed.new("quiet", "--scope", "ingest", "--scope", "query")
    client = closed.client
    for headers in (key, {"Authorization": f"{key['Authorization']}x"}):
        await client.put("quiet.example.com", "bounced", headers=headers)
        await client.request("GET", f"{client.query}/domains/a_b", headers=headers)
    (secret,) = closed.secrets
    said = [path.read_text() for path in closed.stack.folder.glob("*.log")]
    for node in (closed.ingest, closed.query):
        said.append((await client.request("GET", f"{node.management}/metrics")).text)
        root = psutil.Process(node.running.pid)
        for each in (root, *root.children(recursive=True)):
            said += [" ".join(each.cmdline()), json.dumps(each.environ())]
    said.append(closed.file.read_text())

    assert len(said) > 10
    assert not [text for text in said if secret in text]


@pytest.mark.parametrize("module", ["ingest", "query"])
async def test_a_node_on_a_public_address_requires_keys(tmp_path: Path, module: str) -> None:
    """It ends with status 2 and one line that names the remedy."""
    nowhere = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "CASSANDRA_CONTACT_POINTS": "127.0.0.1:1"}
    stack = Stack("open", tmp_path, nowhere)
    command = stack.run_once(module, {f"{module.upper()}_HTTP_HOST": "0.0.0.0"})  # noqa: S104 it never listens

    assert await process.run(command, process.launch, 30) == 2
    (line,) = command.log.read_text().splitlines()
    assert line.startswith(
        f"{module}: ACCESS_KEYS_FILE: a node that listens on 0.0.0.0 needs a key"
    )
    assert "python -m deploy.keys new" in line
    assert "ACCESS_MODE=open" in line
