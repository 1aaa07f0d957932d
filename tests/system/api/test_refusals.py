"""Every refusal is a problem document that names the remedy, and counts nothing."""

import asyncio
import gzip
import io
import json
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

from tests.clients.client import Client, Reply

PROBLEM_FIELDS = {"type", "title", "status", "detail", "code"}


def check_problem(reply: Reply, status: int, code: str) -> None:
    """Assert that *reply* is a problem document (RFC 9457) with this status and code."""
    assert reply.status == status, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.body.keys() >= PROBLEM_FIELDS
    assert (reply.body["status"], reply.body["code"]) == (status, code)
    assert reply.body["detail"]
    assert reply.body["title"]


LABEL_64 = "a" * 64

BAD_DOMAINS = [
    (".".join(["a" * 49] * 5) + ".abcde", "domain_too_long"),
    ("a..example.com", "empty_label"),
    (f"{LABEL_64}.com", "label_too_long"),
    ("ex_ample.com", "forbidden_character"),
    ("ex%20ample.com", "forbidden_character"),
    ("example.com%00", "forbidden_character"),
    ("exa%E2%80%8Bmple.com", "forbidden_character"),
    ("exa%C2%ADmple.com", "forbidden_character"),
    ("example.com%0d%0aX:y", "forbidden_character"),
    ("%ff%fe.com", "forbidden_character"),
    ("-a.example.com", "hyphen_at_edge"),
    ("a-.example.com", "hyphen_at_edge"),
    ("xn--a.com", "bad_idna_label"),
    ("localhost", "single_label"),
    ("127.0.0.1", "ip_address"),
    ("0x7f.1", "ip_address"),
    ("１.２.３.４", "ip_address"),  # noqa: RUF001 full-width on purpose
    ("example.123", "numeric_last_label"),
]


@pytest.mark.parametrize(("domain", "code"), BAD_DOMAINS)
async def test_both_tiers_refuse_invalid_domains(client: Client, domain: str, code: str) -> None:
    """Ingest and query refuse the same names for the same reasons."""
    put = await client.request(
        "PUT", URL(f"{client.ingest}/events/{domain}/delivered", encoded="%" in domain)
    )
    get = await client.request(
        "GET", URL(f"{client.query}/domains/{domain}", encoded="%" in domain)
    )

    check_problem(put, 400, code)
    check_problem(get, 400, code)


async def test_a_refusal_echoes_at_most_80_escaped_characters(client: Client) -> None:
    """The input comes back shortened, in printable ASCII only."""
    reply = await client.get("%0a" + "é" * 200)

    check_problem(reply, 400, reply.body["code"])
    assert len(reply.body["detail"]) < 250
    assert reply.body["detail"].isascii()
    assert "\n" not in reply.body["detail"]


@pytest.mark.parametrize("key", ["", "a" * 256, "two words", "ümlaut"])
async def test_an_idempotency_key_is_1_to_255_visible_ascii_characters(
    client: Client, key: str
) -> None:
    """Any other key is refused and its event is not counted."""
    reply = await client.put("bad-key.example.com", "bounced", headers={"Idempotency-Key": key})

    check_problem(reply, 400, "invalid_key")
    assert await client.counts("bad-key.example.com") == (0, 0)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/events",
        "/events/",
        "/events/a.com",
        "/events/a.com/opened",
        "/events/a.com/delivered/",
    ],
)
async def test_an_unknown_path_is_404(client: Client, path: str) -> None:
    """Only the documented routes exist."""
    check_problem(await client.request("PUT", client.ingest + path), *(
        (405, "method_not_allowed") if path == "/events" else (404, "unknown_path")
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("method", "tier", "path", "allowed"),
    [
        ("GET", "ingest", "/events/a.com/bounced", "PUT"),
        ("POST", "ingest", "/events/a.com/delivered", "PUT"),
        ("GET", "ingest", "/events", "POST"),
        ("DELETE", "query", "/domains/a.com", "GET, HEAD"),
        ("PUT", "query", "/domains", "GET, HEAD, POST"),
    ],
)
async def test_a_wrong_method_is_405_and_names_the_right_ones(
    client: Client, method: str, tier: str, path: str, allowed: str
) -> None:
    """The Allow header lists the methods of the path."""
    reply = await client.request(method, getattr(client, tier) + path)

    check_problem(reply, 405, "method_not_allowed")
    assert reply.headers["Allow"] == allowed


async def test_a_field_or_a_parameter_too_many_is_400(client: Client) -> None:
    """The event is not counted under the first of two keys, nor once for ``count=5``."""
    keys = CIMultiDict([("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    twice = await client.put("twice.example.com", "delivered", headers=keys)
    check_problem(twice, 400, "repeated_field")
    for method, url in (
        ("PUT", f"{client.ingest}/events/twice.example.com/bounced?count=5"),
        ("GET", f"{client.query}/domains/twice.example.com?format=csv"),
    ):
        check_problem(await client.request(method, url), 400, "unknown_parameter")
    assert await client.counts("twice.example.com") == (0, 0)


@pytest.mark.parametrize("size", [4096, 4097])
async def test_the_body_of_a_put_is_ignored_up_to_4_kib(client: Client, size: int) -> None:
    """4,096 bytes are read and ignored; one more is refused."""
    reply = await client.put(f"body{size}.example.com", "delivered", data=b"x" * size)

    if size <= 4096:
        assert reply.status == 202
        await client.wait_for_counts(f"body{size}.example.com", 1, 0)
    else:
        check_problem(reply, 413, "body_too_large")
        assert await client.counts(f"body{size}.example.com") == (0, 0)


async def test_a_put_of_unknown_length_is_refused_beyond_4_kib(client: Client) -> None:
    """The bytes of a chunked body are counted as they arrive."""

    async def chunks() -> Any:
        for _ in range(100):
            yield b"x" * 1000

    check_problem(
        await client.put("chunked.example.com", "delivered", data=chunks()), 413, "body_too_large"
    )


async def test_a_bulk_request_of_an_unsupported_type_is_415(client: Client) -> None:
    """The content type is required."""
    reply = await client.post_lines(b"{}", **{"Content-Type": "text/plain"})

    check_problem(reply, 415, "unsupported_media_type")
    assert "application/x-ndjson" in reply.headers["Accept-Post"]


async def test_a_bulk_request_without_a_valid_line_is_400(client: Client) -> None:
    """An array where lines were expected counts nothing; announced as an array it counts."""
    body = b'[{"domain": "array.example.com", "event": "bounced", "count": 2.0}]'

    refused = await client.post_lines(body)
    taken = await client.post_lines(body, **{"Content-Type": "application/json"})

    check_problem(refused, 400, "no_events")
    assert [each["line"] for each in refused.body["rejected"]] == [1]
    assert (taken.status, taken.body["accepted"]) == (202, 1)
    await client.wait_for_counts("array.example.com", 0, 2)


async def test_a_bulk_request_in_an_unknown_coding_is_415(client: Client) -> None:
    """Only gzip is supported."""
    reply = await client.post_lines(b"{}", **{"Content-Encoding": "br"})

    check_problem(reply, 415, "unsupported_encoding")


async def test_a_bulk_request_that_does_not_inflate_is_400(client: Client) -> None:
    """A body that claims to be gzip and is not is refused."""
    check_problem(
        await client.post_lines(b"no gzip", **{"Content-Encoding": "gzip"}), 400, "malformed_body"
    )


async def test_a_bulk_request_has_at_most_5000_lines(client: Client) -> None:
    """5,000 lines are accepted, 5,001 are refused as a whole."""
    line = b'{"domain": "lines.example.com", "event": "bounced"}\n'

    taken = await client.post_lines(line * 5000)
    refused = await client.post_lines(line * 5001)

    assert (taken.status, taken.body["accepted"]) == (202, 5000)
    check_problem(refused, 413, "too_many_lines")
    await client.wait_for_counts("lines.example.com", 0, 5000)


async def test_a_bulk_request_has_at_most_1_mib_inflated(client: Client) -> None:
    """The limit is on the inflated size, so a gzip bomb is refused."""
    bomb = gzip.compress(b" " * (64 * 1024 * 1024))

    check_problem(
        await client.post_lines(io.BytesIO(b" " * (1024 * 1024 + 1))), 413, "body_too_large"
    )
    check_problem(
        await client.post_lines(bomb, **{"Content-Encoding": "gzip"}), 413, "body_too_large"
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"domains": []}', 400, "no_domains"),
        (b"{}", 400, "malformed_json"),
        (b"[1]", 400, "malformed_json"),
        (b"no json", 400, "malformed_json"),
        (b'{"domains": ["\xff"]}', 400, "malformed_json"),
        (json.dumps({"domains": ["a.com"] * 1001}).encode(), 413, "too_many_domains"),
    ],
)
async def test_an_invalid_bulk_read_is_refused(
    client: Client, body: bytes, status: int, code: str
) -> None:
    """A valid request is a JSON object with 1 to 1,000 names."""
    reply = await client.request(
        "POST",
        f"{client.query}/domains",
        data=body,
        headers={"Content-Type": "application/json"},
    )

    check_problem(reply, status, code)


BOUNCED = b"PUT /events/a.com/bounced HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"NOT HTTP AT ALL\r\n\r\n", 400, "malformed_request"),
        (BOUNCED + b"\r\n", 400, "malformed_request"),
        (BOUNCED + b"Host: a\r\nHost: b\r\n\r\n", 400, "malformed_request"),
        (BOUNCED + b"Host: a\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431, "head_too_large"),
        (b"PUT /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "target_too_long"),
        (
            BOUNCED + b"Host: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "malformed_request",
        ),
    ],
)
async def test_malformed_http_gets_a_problem_and_logs_no_traceback(
    client: Client, stack: Any, request_bytes: bytes, status: int, code: str
) -> None:
    """The parser's refusals are problems, close the connection, and log one line at most."""
    logged = stack.started[0].log_text()
    host, port = client.ingest.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request_bytes)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()

    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.split(b" ", 2)[1]) == status, answer
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == code
    # Of many refusals in a second some are not logged.
    lines = stack.started[0].log_text().removeprefix(logged).splitlines()
    for line in map(json.loads, lines):
        assert (line["event"], line["code"], line["route"]) == ("refused", code, "")
    assert [line["request_id"].encode() in head for line in map(json.loads, lines)] in ([], [True])
