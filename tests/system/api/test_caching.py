"""Headers for caches: how long an answer may be kept, and 304 for an unchanged one."""

import pytest

from tests.clients.client import Client, Reply
from tests.clients.raw_client import RawConnection
from tests.waiting import until, until_equal


async def known(client: Client, word: str, status: str) -> str:
    """Return the name of a domain that has *status*."""
    domain = f"{word}.caching.example.com"
    if status == "catch-all":
        await client.report(domain, "delivered", 1001)
        await client.wait_for_counts(domain, 1001, 0)
    elif status == "not catch-all":
        await client.report(domain, "bounced")
        await client.wait_for_counts(domain, 0, 1)
    return domain


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ("unknown", ["max-age=0", "max-age=1"]),
        ("catch-all", ["max-age=0", "max-age=1"]),
        ("not catch-all", ["max-age=31536000, immutable"]),
    ],
)
async def test_cache_control_depends_on_the_status(
    client: Client, status: str, allowed: list[str]
) -> None:
    """Only a final status may be kept for ever; the current ETag gets 304, by GET and HEAD."""
    domain = await known(client, f"kept-{status.replace(' ', '-')}", status)
    url = f"{client.query}/domains/{domain}"
    for method in ("GET", "HEAD", "GET", "HEAD"):
        full = await client.request(method, url)
        assert (full.status, full.headers["Content-Type"]) == (200, "application/json")
        assert full.headers["Cache-Control"] in allowed
        tag = full.headers["ETag"]
        for form in (tag, f'"x", W/{tag}', "*"):
            reply = await client.request(method, url, headers={"If-None-Match": form})
            assert (reply.status, reply.text, reply.headers["ETag"]) == (304, "", tag)
            assert reply.headers["Cache-Control"] in allowed
        other = await client.request(method, url, headers={"If-None-Match": '"x"'})
        assert (other.status, other.text) == (full.status, full.text)


async def test_a_connection_is_usable_after_a_304_and_a_head(client: Client) -> None:
    """Neither has a body that a client could mistake for the next answer."""
    path = f"/domains/{await known(client, 'order', 'not catch-all')}"
    connection = await RawConnection.open(client.query)
    try:
        get = f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"
        head = get.replace("GET", "HEAD")
        first = await connection.ask(get.encode())
        tagged = get[:-2] + f"If-None-Match: {first.headers['etag']}\r\n\r\n"
        await connection.send((tagged + head + get + head + tagged + get).encode())
        for status, has_body in ((304, 0), (200, 0), (200, 1), (200, 0), (304, 0), (200, 1)):
            answer = await connection.answer(has_body=bool(has_body))
            assert (answer.status, answer.headers["etag"]) == (status, first.headers["etag"])
            assert answer.body == (first.body if has_body else b"")
    finally:
        connection.close()


async def test_no_refusal_may_be_cached(client: Client) -> None:
    """The answer to a bulk request may not be kept either."""
    refusals = [
        await client.get("localhost"),
        await client.request("GET", f"{client.query}/nowhere"),
        await client.request("DELETE", f"{client.query}/domains/a.example.com"),
        await client.ask([]),
    ]
    assert [reply.status for reply in refusals] == [400, 404, 405, 400]
    for reply in [*refusals, await client.ask(["a.example.com"])]:
        assert reply.headers["Cache-Control"] == "no-store"


async def test_an_etag_changes_with_the_counts(client: Client) -> None:
    """Once the counts have changed, a request with the old ETag gets the new answer."""
    domain = await known(client, "moves", "catch-all")
    url = f"{client.query}/domains/{domain}"
    tag = (await client.get(domain)).headers["ETag"]
    await client.report(domain, "delivered")

    async def newer() -> Reply | None:
        reply = await client.request("GET", url, headers={"If-None-Match": tag})
        return reply if reply.status == 200 else None

    assert (await until(newer)).body["delivered"] == 1002


async def test_counts_grow_after_the_status_is_final(
    client: Client,
) -> None:
    """The counts of a domain still change after its status is final."""
    domain = await known(client, "converges", "not catch-all")
    await client.report(domain, "delivered", 5)

    async def delivered() -> int:
        return int((await client.ask([domain])).body["results"][0]["delivered"])

    await until_equal(delivered, 5)
    await client.wait_for_counts(domain, 5, 1)
