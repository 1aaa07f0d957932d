"""The page of a node that asks for keys, in a real browser."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from shared.auth.api_keys import Keys, hash_secret, parse_keys
from shared.auth.config import AccessSettings
from shared.auth.guard import Access
from shared.model.counter import Counters
from tests.clients.browser import NARROW, THEMES, WIDE, visit
from tests.contract.harness.page_node import PageNode, open_page_node
from tests.contract.harness.pulses import IDLE

KEY, NEXT_KEY, SENDERS_KEY = "people.one", "people.two", "senders.three"
REFUSED = "Failed to load resource: the server responded with a status of 40"
"""What Chromium itself says of a 401 or 403, and no script can keep it from."""


def keys_of(**secrets: str) -> Keys:
    """Return keys by their ids: those of senders are not good for asking."""
    entries = [
        {
            "id": name,
            "sha256": [hash_secret(secret)],
            "scopes": ["ingest" if name == "senders" else "query"],
        }
        for name, secret in secrets.items()
    ]
    return parse_keys(json.dumps({"keys": entries}).encode())


class Closed:
    """A node that asks for keys, which a test changes."""

    def __init__(self) -> None:
        self.keys = keys_of(people="one", senders="three")
        self.access = Access(self.keys, lambda: self.keys, AccessSettings())
        self.node: PageNode

    def take(self, keys: Keys) -> None:
        """Let other keys be valid from now on."""
        self.keys = keys
        self.access.reload()


@pytest_asyncio.fixture
async def closed() -> AsyncIterator[Closed]:
    """A node that answers nobody without a key."""
    closed = Closed()
    counters = {"some.example": Counters(204, 0)}
    async with open_page_node(counters, closed.access.guard) as node:
        node.pulse = IDLE
        closed.node = node
        yield closed


async def give(page: Page, key: str) -> None:
    """Type a key as people do."""
    await expect(page.locator("#access")).to_be_visible()
    await page.fill("#key", key)
    await page.press("#key", "Enter")


async def test_the_page_asks_for_a_key_once_and_sends_it_with_all_it_asks(
    browser: Browser, closed: Closed
) -> None:
    """Look-ups, many at once, pulse and changes; the key is in no address, nor kept for good."""
    async with visit(browser, closed.node.origin) as opened:
        page = opened.page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto("/")
        await expect(page.locator("#key")).to_be_focused()
        await give(page, f" {KEY} ")
        await expect(page.locator("#access")).to_be_hidden()
        await expect(page.locator("#pulse-age")).to_contain_text("As of")
        await page.fill("#domain", "some.example")
        await page.press("#domain", "Enter")
        await expect(page.locator(".card h3")).to_have_text("some.example")
        await page.fill("#names", "some.example")
        await page.click("text=Look up all")
        await expect(page.locator("#rows tr")).to_have_count(1)
        closed.node.say("other.example", Counters(2000, 0))
        await expect(page.locator("#changes-list")).to_contain_text("other.example")

        await page.reload()
        await expect(page.locator(".card h3")).to_have_text("some.example")
        await expect(page.locator("#pulse-age")).to_contain_text("As of")
        await expect(page.locator("#access")).to_be_hidden()
        assert not [url for url in asked if "one" in url.partition("?")[2]]
        assert [c for c in opened.console_errors if not c.startswith(REFUSED)] == []
        assert opened.foreign_requests == []
        assert await page.evaluate("[localStorage.length, document.cookie]") == [0, ""]


async def test_a_shared_address_is_answered_once_there_is_a_key(
    browser: Browser, closed: Closed
) -> None:
    """What was asked for stands in its field meanwhile."""
    async with visit(browser, closed.node.origin) as opened:
        await opened.page.goto("/?domain=some.example")
        await expect(opened.page.locator(".problem")).to_contain_text("No answer without a key")
        await expect(opened.page.locator("#domain")).to_have_value("some.example")
        await give(opened.page, KEY)
        await expect(opened.page.locator(".card h3")).to_have_text("some.example")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("people.wrong", "This key is not valid."),
        (SENDERS_KEY, "This key is not for asking."),
        ("two words", "This is no key"),
    ],
)
async def test_a_key_that_does_not_fit_is_asked_for_again(
    browser: Browser, closed: Closed, typed: str, said: str
) -> None:
    """It says why, and the right one works then."""
    async with visit(browser, closed.node.origin) as opened:
        await opened.page.goto("/")
        await give(opened.page, typed)
        await expect(opened.page.locator("#access-problem")).to_contain_text(said)
        await give(opened.page, KEY)
        await expect(opened.page.locator("#pulse-age")).to_contain_text("As of")
        await expect(opened.page.locator("#access")).to_be_hidden()


async def test_a_key_that_ends_is_asked_for_anew_and_changes_go_on_where_they_were(
    browser: Browser, closed: Closed
) -> None:
    """The stream comes back with the id that it had last."""
    async with visit(browser, closed.node.origin) as opened:
        page = opened.page
        await page.goto("/")
        await give(page, KEY)
        await expect(page.locator("#pulse-age")).to_contain_text("As of")
        closed.node.say("first.example", Counters(2000, 0))
        await expect(page.locator("#changes-list")).to_contain_text("first.example")
        closed.take(keys_of(people="two"))
        closed.node.send(None)
        async with page.expect_response(lambda got: got.ok and got.url.endswith("/changes")):
            await give(page, NEXT_KEY)
        closed.node.say("second.example", Counters(2000, 0))
        await expect(page.locator("#changes-list")).to_contain_text("second.example")
        assert closed.node.resumed_from == [None, "0:1"]
        await expect(page.locator("#changes-list .gap")).to_have_count(0)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_to_be_asked_for_a_key_shuts_nobody_out(
    browser: Browser, closed: Closed, theme: str, size: tuple[int, int]
) -> None:
    """Axe finds nothing serious, nothing is wider than the window; a picture is kept."""
    async with visit(browser, closed.node.origin, size, **THEMES[theme]) as opened:
        await opened.page.goto("/?domain=some.example")
        await give(opened.page, "people.wrong")
        await expect(opened.page.locator("#access-problem")).to_contain_text("not valid")
        await opened.save_screenshot(
            f"key-{theme}-{'narrow' if size == NARROW else 'wide'}", full=False
        )
        assert await opened.accessibility_violations() == []
        assert await opened.overflow_pixels() == 0
