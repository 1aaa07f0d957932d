"""How a domain's events determine its status."""

import gzip

import pytest

from tests.clients.client import Client


async def test_a_domain_without_events_is_unknown(client: Client) -> None:
    """A domain without events is answered by 200."""
    reply = await client.get("never-seen.example.com")

    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.body == {
        "domain": "never-seen.example.com",
        "status": "unknown",
        "delivered": 0,
        "bounced": 0,
        "threshold": 1000,
        "reason": "not_enough_data",
    }


async def test_put_reports_one_event_with_an_empty_202(client: Client) -> None:
    """A PUT is answered by 202 without a body, and its event is counted once."""
    reply = await client.put("one-put.example.com", "delivered")

    assert (reply.status, reply.text) == (202, "")
    await client.wait_for_counts("one-put.example.com", 1, 0)


async def test_exactly_1000_deliveries_are_still_unknown_and_1001_are_catch_all(
    client: Client,
) -> None:
    """A domain is catch-all above the threshold, not at it."""
    await client.report("boundary.example.com", "delivered", 999)
    assert (await client.put("boundary.example.com", "delivered")).status == 202
    at_threshold = await client.wait_for_counts("boundary.example.com", 1000, 0)
    assert (at_threshold["status"], at_threshold["reason"]) == ("unknown", "not_enough_data")

    assert (await client.put("boundary.example.com", "delivered")).status == 202
    above = await client.wait_for_counts("boundary.example.com", 1001, 0)
    assert (above["status"], above["reason"]) == ("catch-all", "more_than_threshold_delivered")


@pytest.mark.parametrize(
    ("name", "before", "after"), [("first", 0, 1500), ("amid", 700, 800), ("last", 1500, 0)]
)
async def test_one_bounce_outweighs_any_deliveries_whenever_it_comes(
    client: Client, name: str, before: int, after: int
) -> None:
    """A bounce before, among or after 1,500 deliveries makes a domain not catch-all."""
    domain = f"bounce-{name}.example.com"
    if before:
        await client.report(domain, "delivered", before)
        await client.wait_for_counts(domain, before, 0)
    assert (await client.put(domain, "bounced")).status == 202
    await client.wait_for_counts(domain, before, 1)
    if after:
        await client.report(domain, "delivered", after)

    answer = await client.wait_for_counts(domain, 1500, 1)
    assert (answer["status"], answer["reason"]) == ("not catch-all", "bounced")


async def test_every_spelling_of_a_domain_is_one_domain(client: Client) -> None:
    """Case, a trailing dot, full-width forms and percent-encoding do not matter."""
    spellings = [
        "Spell.Example.COM",
        "spell.example.com.",
        "ｓｐｅｌｌ.example.com",  # noqa: RUF001 full-width on purpose
        "%73pell.example.com",
    ]
    for spelling in spellings:
        assert (await client.put(spelling, "delivered")).status == 202

    await client.wait_for_counts("spell.example.com", len(spellings), 0)
    for spelling in spellings:
        answer = (await client.get(spelling)).body
        assert (answer["domain"], answer["delivered"]) == ("spell.example.com", len(spellings))


async def test_an_internationalised_domain_is_returned_as_its_a_label(client: Client) -> None:
    """Both forms of a name are one domain, and answers show the ASCII form."""
    assert (await client.put("bücher.example", "bounced")).status == 202
    assert (await client.put("xn--bcher-kva.example", "bounced")).status == 202

    answer = await client.wait_for_counts("BÜCHER.example", 0, 2)
    assert answer["domain"] == "xn--bcher-kva.example"


async def test_bulk_answers_are_in_the_order_of_the_request(client: Client) -> None:
    """An invalid name affects no other, and a repeated name is answered twice."""
    await client.report("asked.example.com", "bounced", 3)
    await client.wait_for_counts("asked.example.com", 0, 3)

    reply = await client.ask(
        ["no-dot", "ASKED.example.com", "other.example.com", "asked.example.com"]
    )

    assert reply.status == 200
    bad, first, other, second = reply.body["results"]
    assert (bad["domain"], bad["error"]["code"]) == ("no-dot", "single_label")
    assert bad["error"]["detail"]
    assert first == second == (await client.get("asked.example.com")).body
    assert (other["domain"], other["status"]) == ("other.example.com", "unknown")


async def test_a_thousand_domains_are_answered_at_once(client: Client) -> None:
    """The largest permitted request is answered in full."""
    names = [f"n{i}.thousand.example.com" for i in range(1000)]

    reply = await client.ask(names)

    assert [answer["domain"] for answer in reply.body["results"]] == names


async def test_a_bulk_request_counts_only_its_valid_lines(client: Client) -> None:
    """Each invalid line is rejected with its number and a code."""
    reply = await client.post_lines(
        b'{"domain": "Mixed.example.com", "event": "delivered", "count": 40}\n'
        b'{"domain": "mixed.example.com", "event": "opened"}\n'
        b"not json\n"
        b"\n"
        b'{"domain": "mixed.example.com", "event": "delivered", "count": 0}\n'
        b'{"domain": "10.0.0.1", "event": "bounced"}\n'
        b'{"domain": "mixed.example.com", "event": "bounced", "id": "two words"}\n'
        b'{"domain": "mixed.example.com", "event": "bounced", "id": "a-key"}\n'
        b'{"domain": "mixed.example.com", "event": "delivered"}'
    )

    assert reply.status == 202
    assert reply.body["accepted"] == 3
    assert [(r["line"], r["code"]) for r in reply.body["rejected"]] == [
        (2, "unknown_event"),
        (3, "malformed_json"),
        (5, "invalid_count"),
        (6, "ip_address"),
        (7, "invalid_key"),
    ]
    assert all(r["detail"] for r in reply.body["rejected"])
    await client.wait_for_counts("mixed.example.com", 41, 1)


async def test_a_gzipped_bulk_request_is_inflated(client: Client) -> None:
    """A body with Content-Encoding gzip counts like the plain body."""
    body = gzip.compress(b'{"domain": "gzip.example.com", "event": "delivered", "count": 7}\n')

    reply = await client.post_lines(body, **{"Content-Encoding": "gzip"})

    assert (reply.status, reply.body["accepted"]) == (202, 1)
    await client.wait_for_counts("gzip.example.com", 7, 0)
