"""The page of a node that requires API keys, in a real browser.

Assertions about the page are ``expect(...)``, as in ``test_scripts.py``.
"""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from shared.auth.api_keys import ApiKeys, hash_secret, parse_api_keys
from shared.auth.config import AccessSettings
from shared.auth.guard import Access
from shared.model.counter import Counters
from tests.clients.browser import NARROW, THEMES, WIDE, visit
from tests.contract.harness.page_node import PageNode, open_page_node
from tests.contract.harness.pulses import IDLE
from tests.waiting import until, until_equal

KEY, NEXT_KEY, SENDERS_KEY = "people.one", "people.two", "senders.three"
REFUSED = "Failed to load resource: the server responded with a status of 40"
"""The console error of Chromium for a 401 or 403; no script can prevent it."""


def keys_of(**secrets: str) -> ApiKeys:
    """Return a key per id; the key ``senders`` has only the scope ``ingest``."""
    entries = [
        {
            "id": name,
            "sha256": [hash_secret(secret)],
            "scopes": ["ingest" if name == "senders" else "query"],
        }
        for name, secret in secrets.items()
    ]
    return parse_api_keys(json.dumps({"keys": entries}).encode())


class Closed:
    """A node that requires API keys; a test changes the keys."""

    def __init__(self) -> None:
        self.keys = keys_of(people="one", senders="three")
        self.access = Access(self.keys, lambda: self.keys, AccessSettings())
        self.node: PageNode

    def replace_keys(self, keys: ApiKeys) -> None:
        """Replace the valid keys."""
        self.keys = keys
        self.access.reload()


@pytest_asyncio.fixture
async def closed() -> AsyncIterator[Closed]:
    """A node that refuses every request without a key."""
    closed = Closed()
    counters = {"some.example": Counters(204, 0)}
    async with open_page_node(counters, closed.access.check) as node:
        node.pulse = IDLE
        closed.node = node
        yield closed


async def enter_key(page: Page, key: str) -> None:
    """Type a key into the form and submit it."""
    await expect(page.locator("#access")).to_be_visible()
    await page.fill("#key", key)
    await page.press("#key", "Enter")


async def test_the_page_requests_a_key_once_and_sends_it_with_every_request(
    browser: Browser, closed: Closed
) -> None:
    """Look-ups, many at once, pulse and changes; the key is in no address, nor kept for good."""
    async with visit(browser, closed.node.origin) as opened:
        page = opened.page
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        await page.goto("/")
        await expect(page.locator("#key")).to_be_focused()
        await enter_key(page, f" {KEY} ")
        await expect(page.locator("#access")).to_be_hidden()
        await expect(page.locator("#pulse-age")).to_contain_text("As of")
        await page.fill("#domain", "some.example")
        await page.press("#domain", "Enter")
        await expect(page.locator(".card h3")).to_have_text("some.example")
        await page.fill("#names", "some.example")
        await page.click("text=Look up all")
        await expect(page.locator("#rows tr")).to_have_count(1)
        closed.node.change("other.example", Counters(2000, 0))
        await expect(page.locator("#changes-list")).to_contain_text("other.example")

        await page.reload()
        await expect(page.locator(".card h3")).to_have_text("some.example")
        await expect(page.locator("#pulse-age")).to_contain_text("As of")
        await expect(page.locator("#access")).to_be_hidden()
        assert not [url for url in requested if "one" in url.partition("?")[2]]
        assert [c for c in opened.console_errors if not c.startswith(REFUSED)] == []
        assert opened.foreign_requests == []
        assert await page.evaluate("[localStorage.length, document.cookie]") == [0, ""]


async def test_a_shared_address_is_answered_once_there_is_a_key(
    browser: Browser, closed: Closed
) -> None:
    """The field keeps the domain of the address meanwhile."""
    async with visit(browser, closed.node.origin) as opened:
        await opened.page.goto("/?domain=some.example")
        await expect(opened.page.locator(".problem")).to_contain_text("An API key is required")
        await expect(opened.page.locator("#domain")).to_have_value("some.example")
        await enter_key(opened.page, KEY)
        await expect(opened.page.locator(".card h3")).to_have_text("some.example")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("people.wrong", "This key is not valid."),
        (SENDERS_KEY, 'This key does not have the scope "query".'),
        ("two words", "This is not a key"),
    ],
)
async def test_the_page_requests_a_key_again_if_it_is_not_accepted(
    browser: Browser, closed: Closed, typed: str, message: str
) -> None:
    """It shows the reason, and then accepts a valid key."""
    async with visit(browser, closed.node.origin) as opened:
        await opened.page.goto("/")
        await enter_key(opened.page, typed)
        await expect(opened.page.locator("#access-problem")).to_contain_text(message)
        await enter_key(opened.page, KEY)
        await expect(opened.page.locator("#pulse-age")).to_contain_text("As of")
        await expect(opened.page.locator("#access")).to_be_hidden()


async def test_after_a_key_expires_the_stream_resumes_with_the_next_key(
    browser: Browser, closed: Closed
) -> None:
    """The stream reconnects with its last event id."""
    async with visit(browser, closed.node.origin) as opened:
        page = opened.page
        await page.goto("/")
        await enter_key(page, KEY)
        await expect(page.locator("#pulse-age")).to_contain_text("As of")
        closed.node.change("first.example", Counters(2000, 0))
        await expect(page.locator("#changes-list")).to_contain_text("first.example")
        closed.replace_keys(keys_of(people="two"))
        closed.node.send(None)
        async with page.expect_response(lambda got: got.ok and got.url.endswith("/changes")):
            await enter_key(page, NEXT_KEY)
        closed.node.change("second.example", Counters(2000, 0))
        await expect(page.locator("#changes-list")).to_contain_text("second.example")
        assert closed.node.resumed_from == [None, "0:1"]
        await expect(page.locator("#changes-list .gap")).to_have_count(0)


async def test_a_tab_without_a_key_does_not_keep_the_stream_from_the_others(
    browser: Browser, closed: Closed
) -> None:
    """Although it was first: it leaves the lock while it asks for a key."""
    async with visit(browser, closed.node.origin) as opened:
        await opened.page.goto("/")
        await expect(opened.page.locator("#access")).to_be_visible()
        tab = await opened.page.context.new_page()
        await tab.goto("/")
        await enter_key(tab, KEY)
        await until(lambda: closed.node.streams)
        closed.node.change("some.example", Counters(2000, 0))
        await expect(tab.locator("#changes-list a")).to_have_text(["some.example"])


@pytest_asyncio.fixture
async def inside(browser: Browser, closed: Closed) -> AsyncIterator[Page]:
    """The page with a valid key: it downloads by itself, as a form sends no key."""
    async with visit(browser, closed.node.origin) as opened:
        await opened.page.goto("/")
        await enter_key(opened.page, KEY)
        await expect(opened.page.locator("#access")).to_be_hidden()
        yield opened.page


def part(lines: str, end: str) -> bytes:
    """Return a part of a download."""
    return f"domain,status\r\n{lines}# {end}\n".encode()


async def test_a_download_in_parts_is_saved_as_one_file(inside: Page, closed: Closed) -> None:
    """A node that stops ends its part with a cursor; the next one goes on from there."""
    closed.node.export_parts = [
        part(
            "a.example,catch-all\r\nb.example,catch-all\r\n",
            '{"complete":false,"totals":{"catch-all":2,"unknown":1},"cursor":"x.example"}',
        ),
        part(
            "c.example,catch-all\r\n",
            '{"complete":true,"totals":{"catch-all":1,"unknown":4},"cursor":null}',
        ),
    ]
    async with inside.expect_download() as download:
        await inside.click("#export-form button")
    saved = await download.value
    text = (await saved.path()).read_bytes().decode()
    assert saved.suggested_filename == "catch-all.csv"
    assert text == (
        "domain,status\r\na.example,catch-all\r\nb.example,catch-all\r\nc.example,catch-all\r\n"
        '# {"complete":true,"totals":{"catch-all":3,"unknown":5},"cursor":null}\n'
    )
    first = "status=catch-all&format=csv"
    assert closed.node.exports == [first, f"{first}&cursor=x.example"]


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([b"domain,status\r\na.example,catch-all\r\n"], "It was interrupted."),
        (
            [part("", '{"complete":false,"totals":{},"cursor":"x.example"}')] * 2,
            "It does not go on.",
        ),
    ],
    ids=["no last line", "no progress"],
)
async def test_a_download_that_is_not_whole_is_not_saved(
    inside: Page, closed: Closed, parts: list[bytes], why: str
) -> None:
    """It would pass for a list of all domains."""
    saved: list[object] = []
    inside.on("download", lambda download: saved.append(download))  # noqa: PLW0108 Playwright marks it
    closed.node.export_parts = list(parts)
    await inside.click("#export-form button")
    await expect(inside.locator("#export-problem")).to_contain_text(why)
    await expect(inside.locator("#export-form button")).to_be_enabled()
    assert saved == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_form_for_the_key_is_accessible(
    browser: Browser, closed: Closed, theme: str, size: tuple[int, int]
) -> None:
    """Axe finds nothing serious, and nothing is wider than the window. Saves a screenshot."""
    async with visit(browser, closed.node.origin, size, **THEMES[theme]) as opened:
        await opened.page.goto("/?domain=some.example")
        await enter_key(opened.page, "people.wrong")
        await expect(opened.page.locator("#access-problem")).to_contain_text("not valid")
        await opened.save_screenshot(
            f"key-{theme}-{'narrow' if size == NARROW else 'wide'}", full=False
        )
        await until_equal(opened.accessibility_violations, [])
        await until_equal(opened.overflow_pixels, 0)
