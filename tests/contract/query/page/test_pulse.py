"""The charts of the page, and the operators' page, in a real browser.

Assertions about the page are ``expect(...)``, as in ``test_scripts.py``.
"""

import json
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from shared.auth.api_keys import hash_secret, parse_api_keys
from shared.auth.config import AccessSettings
from shared.auth.guard import Access
from tests.clients.browser import NARROW, THEMES, WIDE, Visit, visit
from tests.contract.harness.page_node import PageNode, open_connected, open_page_node
from tests.contract.harness.pulses import BUSY
from tests.waiting import until, until_equal

MINUTE = 60


@pytest_asyncio.fixture
async def operators(browser: Browser, node: PageNode) -> AsyncIterator[Visit]:
    """The operators' page. It must never load from another origin."""
    async with visit(browser, node.origin) as opened:
        await opened.page.goto("/operators")
        await expect(opened.page.locator("#pulse-age")).to_contain_text("As of")
        yield opened
        assert opened.foreign_requests == []
        assert opened.console_errors == []


async def test_a_visitor_sees_the_last_minutes_at_once(browser: Browser, node: PageNode) -> None:
    """The charts begin with what the node has collected, and later ask for the rest alone."""
    now = time.time()
    node.pulse = BUSY
    node.points = [
        {"at": now - seconds, "rates": BUSY["rates"], "delay": BUSY["delay"], "lag": 700}
        for seconds in range(4 * MINUTE, 0, -10)
    ]
    asked: list[str] = []
    async with visit(browser, node.origin) as opened:
        opened.page.on("request", lambda request: asked.append(request.url))
        await open_connected(opened, node)
        await expect(opened.page.locator("#chart-lag [data-now]")).to_have_text("740")
        drawn = """() => {
          const { width, height } = document.querySelector("#chart-lag canvas");
          const pixels = document
            .querySelector("#chart-lag canvas")
            .getContext("2d")
            .getImageData(0, 0, width, height).data;
          const style = getComputedStyle(document.documentElement);
          const line = style.getPropertyValue("--line-a").trim();
          const colour = [1, 3, 5].map((at) => parseInt(line.slice(at, at + 2), 16));
          const columns = new Set();
          for (let i = 0; i < pixels.length; i += 4)
            if (colour.every((value, at) => pixels[i + at] === value)) columns.add((i / 4) % width);
          return columns.size / width;
        }"""
        await opened.page.wait_for_function(f"({drawn})() > 0.5")
        await until(lambda: [url for url in asked if "/rates?after=" in url])
        assert [url for url in asked if url.endswith("/rates")] == [f"{node.origin}/rates"]


async def test_an_empty_page_explains_what_will_appear(operators: Visit) -> None:
    """No chart or list is blank."""
    page = operators.page
    await expect(page.locator("#lag-empty")).to_have_text("No partition is known yet.")
    await expect(page.locator("#chart-rates [data-now]")).to_have_text("no data yet")
    await expect(page.locator("#targets li")).to_have_text(["Kafka ready"], use_inner_text=True)


async def test_the_pulse_is_shown_in_figures_words_and_lines(
    operators: Visit, node: PageNode
) -> None:
    """An unknown value is not shown as zero."""
    node.pulse = BUSY
    page = operators.page
    await expect(page.locator("#chart-rates [data-now]")).to_have_text("1,234")
    await expect(page.locator("#chart-delay [data-now]")).to_have_text("80 ms")
    await expect(page.locator("#chart-lag [data-now]")).to_have_text("740")
    await expect(page.locator("#chart-refused [data-now]")).to_have_text("4.5")
    await expect(page.locator("#lag-words")).to_have_text(
        "Highest: 700, partition 1. Partly from committed offsets, which are up to half a minute "
        "old."
    )
    await expect(page.locator("#lag-bars title")).to_have_text(
        ["partition 0: 40", "partition 1: 700", "partition 2: unknown"]
    )
    await expect(page.locator("#targets li")).to_have_text(
        [
            "ingest 10.0.0.1:9080 ready",
            "worker 10.0.0.2:9082 not ready",
            "process 10.0.0.3:9082 down: no connection",
            "Kafka ready",
        ],
        use_inner_text=True,
    )
    await expect(page.locator(".plot canvas")).to_have_count(4)
    await expect(page.locator("#chart-rates .u-legend")).to_contain_text("rows written400")


async def test_operators_need_a_scope_of_their_own(browser: Browser) -> None:
    """A customer's key reads the charts, and not the addresses of the processes."""
    entries = [
        {"id": "customer", "sha256": [hash_secret("one")], "scopes": ["query"]},
        {"id": "operator", "sha256": [hash_secret("two")], "scopes": ["query", "operate"]},
    ]
    keys = parse_api_keys(json.dumps({"keys": entries}).encode())
    access = Access(keys, lambda: keys, AccessSettings())
    async with open_page_node({}, access.check) as closed, visit(browser, closed.origin) as opened:
        closed.pulse = BUSY
        page = opened.page
        await page.goto("/operators")
        await page.fill("#key", "customer.one")
        await page.press("#key", "Enter")
        await expect(page.locator("#access-problem")).to_have_text(
            'This key does not have the scopes "query" and "operate".'
        )
        await expect(page.locator("#targets .empty")).to_be_visible()
        await page.fill("#key", "operator.two")
        await page.press("#key", "Enter")
        await expect(page.locator("#targets li")).to_have_count(4)
        await expect(page.locator("#access")).to_be_hidden()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_operators_page_is_accessible(
    browser: Browser, node: PageNode, theme: str, size: tuple[int, int]
) -> None:
    """Axe finds nothing serious, and nothing is wider than the window. Saves a screenshot."""
    node.pulse = BUSY
    async with visit(browser, node.origin, size, **THEMES[theme]) as opened:
        await opened.page.goto("/operators")
        await expect(opened.page.locator("#targets li")).to_have_count(4)
        await opened.save_screenshot(f"operators-{theme}-{'narrow' if size == NARROW else 'wide'}")
        await until_equal(opened.accessibility_violations, [])
        await until_equal(opened.overflow_pixels, 0)
        assert opened.console_errors == []
