"""The page of a query node in a real Chromium, on a real pipeline.

Assertions about the page are ``expect(...)``, which Playwright repeats until it holds
(``tests/unit/tools/test_browser_assertions.py`` checks this).
"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.clients.browser import NARROW, THEMES, WIDE, Visit, visit
from tests.clients.client import Client
from tests.tiers.stack import Stack
from tests.waiting import until_equal

STATUS = ".verdict strong:visible"


@pytest_asyncio.fixture
async def seen(browser: Browser, client: Client) -> AsyncIterator[Visit]:
    """The page of the shared stack. It must never load from another origin."""
    async with visit(browser, client.query) as opened:
        await opened.page.goto("/")
        await expect(opened.page.locator("#pulse-age")).to_contain_text("As of")
        yield opened
        assert opened.foreign_requests == []


async def look_up(page: Page, domain: str) -> None:
    """Type a domain into the form and submit it."""
    await page.fill("#domain", domain)
    await page.press("#domain", "Enter")


async def test_a_lookup_answers_without_a_reload(seen: Visit, client: Client) -> None:
    """The card shows status, reason, counts and distance; the address can be shared."""
    await client.report("page-some.example.com", "delivered", 204)
    await client.wait_for_counts("page-some.example.com", 204, 0)
    page = seen.page
    await page.evaluate("window.unchanged = true")
    await look_up(page, " Page-Some.Example.com. ")
    await expect(page.locator(STATUS)).to_have_text("Unknown")
    await expect(page.locator(".card h3")).to_have_text("page-some.example.com")
    await expect(page.locator(".reason span:visible")).to_contain_text("Not enough data yet")
    await expect(page.locator(".distance")).to_contain_text("204 of 1,001 deliveries")
    await expect(page).to_have_url(f"{client.query}/?domain=Page-Some.Example.com.")
    assert await page.evaluate("window.unchanged") is True
    assert seen.console_errors == []

    await look_up(page, "page-other.example.com")
    await expect(page.locator(".card h3")).to_have_text("page-other.example.com")
    await page.go_back()
    await expect(page.locator(".card h3")).to_have_text("page-some.example.com")


INVALID = {
    "localhost": "has no dot",
    "under_score.example.com": "is not allowed",
    "127.0.0.1": "is an IP address",
    "<script>alert(1)</script>": "is not allowed",
}


async def test_an_invalid_domain_is_refused_with_an_explanation(seen: Visit) -> None:
    """The typed text stays in the field, to be corrected."""
    for typed, why in INVALID.items():
        await look_up(seen.page, typed)
        await expect(seen.page.locator(".problem")).to_contain_text(why)
        await expect(seen.page.locator("#domain")).to_have_value(typed)
        await expect(seen.page.locator("#domain")).to_have_attribute("aria-invalid", "true")


async def test_an_internationalised_name_is_shown_in_both_forms(seen: Visit) -> None:
    """In Unicode, as an A-label, and as the visitor typed it."""
    await look_up(seen.page, "BÜCHER.example")
    card = seen.page.locator(".card")
    await expect(card.locator("h3")).to_have_text("bücher.example")
    await expect(card).to_contain_text("In the DNS xn--bcher-kva.example")
    await expect(card).to_contain_text("You typed BÜCHER.example")


async def test_a_lookup_works_without_a_script(browser: Browser, client: Client) -> None:
    """The form alone loads the same card; parts that need a script are hidden."""
    await client.report("page-plain.example.com", "bounced", 2)
    await client.wait_for_counts("page-plain.example.com", 0, 2)
    async with visit(browser, client.query, java_script_enabled=False) as opened:
        page = opened.page
        await page.goto("/")
        await page.fill("#domain", "page-plain.example.com")
        await page.click("#lookup-form button")
        await expect(page.locator(STATUS)).to_have_text("Not catch-all")
        await expect(page.locator("#domain")).to_have_value("page-plain.example.com")
        await expect(page.locator(".note")).to_contain_text("need JavaScript")
        await expect(page.locator("#pulse")).to_be_hidden()
        await look_up(page, "localhost")
        await expect(page.locator(".problem")).to_contain_text("has no dot")


async def test_a_bounce_appears_without_a_reload_and_changes_the_status(
    seen: Visit, client: Client
) -> None:
    """A PUT at any node appears in the list and in the open card."""
    domain = "page-bounce.example.com"
    await client.report(domain, "delivered", 1204)
    await client.wait_for_counts(domain, 1204, 0)
    page = seen.page
    await look_up(page, domain)
    await expect(page.locator(STATUS)).to_have_text("Catch-all")
    await page.evaluate("window.unchanged = true")

    assert (await client.put(domain, "bounced")).status == 202

    row = page.locator(f'#changes-list li:has-text("{domain}")').first
    await expect(row.locator("strong")).to_have_text("not catch-all")
    await expect(page.locator(STATUS)).to_have_text("Not catch-all")
    await expect(page.locator(".counts dd").last).to_have_text("1")
    assert await page.evaluate("window.unchanged") is True
    assert seen.console_errors == []


async def test_a_pasted_list_becomes_a_table_and_a_csv(seen: Visit, client: Client) -> None:
    """One row per name, in order; invalid names are marked and do not affect others."""
    await client.report("page-all.example.com", "delivered", 1001)
    await client.wait_for_counts("page-all.example.com", 1001, 0)
    page = seen.page
    await page.fill("#names", "page-all.example.com, =bad\nBÜCHEREIEN.example")
    await page.click("text=Look up all")
    await expect(page.locator("#rows tr")).to_have_count(3)
    async with page.expect_download() as download:
        await page.click("text=Download CSV")
    text = (await (await download.value).path()).read_bytes().decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text, newline="")))[1:] == [
        [
            "page-all.example.com",
            "page-all.example.com",
            "catch-all",
            "1001",
            "0",
            "1000",
            "more_than_threshold_delivered",
        ],
        ["'=bad", "", "refused", "", "", "", "forbidden_character"],
        [
            "BÜCHEREIEN.example",
            "xn--bchereien-q9a.example",
            "unknown",
            "0",
            "0",
            "1000",
            "not_enough_data",
        ],
    ]


async def test_a_thousand_names_are_answered_on_the_page(seen: Visit) -> None:
    """The limit of pasted names."""
    names = "\n".join(f"page-{number}.example.com" for number in range(1000))
    await seen.page.fill("#names", names)
    await seen.page.click("text=Look up all")
    await expect(seen.page.locator("#rows tr")).to_have_count(1000)
    assert seen.console_errors == []


async def test_everything_is_reached_by_the_keyboard(seen: Visit) -> None:
    """In the order of the page; the first link skips its header."""
    page = seen.page

    look_up, look_up_all = page.locator("#lookup-form button"), page.locator("#bulk-form button")
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await expect(page.locator(".skip")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.locator("#domain")).to_be_focused()
    await page.keyboard.type("page-key.example.com")
    await page.keyboard.press("Tab")
    await expect(look_up).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(".card h3")).to_have_text("page-key.example.com")
    await page.keyboard.press("Tab")
    await expect(page.locator("#names")).to_be_focused()
    await page.keyboard.type("page-key.example.com")
    await page.keyboard.press("Tab")
    await expect(look_up_all).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#results-title")).to_be_focused()
    await page.keyboard.press("/")
    await expect(page.locator("#domain")).to_be_focused()
    await page.keyboard.type("a/b")
    await expect(page.locator("#domain")).to_have_value("a/b")


async def test_the_pulse_shows_every_process_and_partition(
    seen: Visit, client: Client, stack: Stack
) -> None:
    """Rates, lags and states come from the processes themselves."""
    page = seen.page
    await page.goto("/operators")
    for tier in stack.started:
        row = page.locator(f'#targets li:has-text("{tier.management.removeprefix("http://")}")')
        await expect(row).to_contain_text(f"{tier.name.partition('-')[0]}")
        await expect(row).to_have_attribute("data-state", "ready")
    await expect(page.locator('#targets li:has-text("Kafka")')).to_contain_text("ready")
    await expect(page.locator("#chart-rates [data-now]")).to_have_text("0")

    async def send_on() -> None:
        while True:  # the page shows the last seconds alone, and may miss one of them
            await client.report("page-pulse.example.com", "delivered", 5000)
            await asyncio.sleep(0.2)

    sending = asyncio.create_task(send_on())
    try:
        await expect(page.locator("#chart-rates [data-now]")).not_to_have_text("0")
    finally:
        sending.cancel()

    async def pulse() -> Any:
        return (await client.request("GET", f"{client.query}/pulse")).body

    async def sources() -> set[str]:
        return {each["lag_from"] for each in (await pulse())["partitions"]}

    await until_equal(sources, {"worker"})
    now = await pulse()
    assert now["failing"] == {}
    assert [each["partition"] for each in now["partitions"]] == list(range(len(now["partitions"])))
    assert all(isinstance(each["end"], int) for each in now["partitions"])


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_page_is_accessible(
    browser: Browser, client: Client, theme: str, size: tuple[int, int]
) -> None:
    """Axe finds nothing serious, and nothing is wider than the window. Saves a screenshot."""
    async with visit(browser, client.query, size, **THEMES[theme]) as opened:
        await opened.page.goto("/")
        await expect(opened.page.locator("#pulse-age")).to_contain_text("As of")
        name = f"page-{theme}-{'narrow' if size == NARROW else 'wide'}"
        await opened.save_screenshot(name)
        await until_equal(opened.accessibility_violations, [])
        await opened.page.goto("/?domain=page-shown.example.com")
        await opened.save_screenshot(f"{name}-card")
        await until_equal(opened.accessibility_violations, [])
        await until_equal(opened.overflow_pixels, 0)
        assert opened.console_errors == []
        assert opened.foreign_requests == []


async def test_the_documentation_shows_every_path(browser: Browser, client: Client) -> None:
    """Swagger UI shows the documents of both tiers under the page's policy."""
    async with visit(browser, client.query) as opened:
        await opened.page.goto("/docs")
        for tier, url in (("query", client.query), ("ingest", client.ingest)):
            described = (await client.request("GET", f"{url}/openapi.json")).body
            for path in described["paths"]:
                shown = opened.page.locator(f'#{tier} [data-path="{path}"]').first
                await expect(shown).to_be_visible()
        await opened.save_screenshot("docs")
        assert opened.console_errors == []
        assert opened.foreign_requests == []


async def test_the_page_shows_a_lost_connection_and_its_return(
    browser: Browser, guests: Stack
) -> None:
    """Visitors know that the page may be out of date, and when it no longer is."""
    node = await guests.query()
    host_and_port = node.url.removeprefix("http://")
    async with visit(browser, node.url) as opened:
        banner = opened.page.locator("#banner")
        await opened.page.goto("/")
        await expect(opened.page.locator("#pulse-age")).to_contain_text("As of")
        await node.kill()
        await expect(banner).to_contain_text("The connection was lost at")
        await opened.save_screenshot("page-lost", full=False)
        await look_up(opened.page, "page-gone.example.com")
        await expect(opened.page.locator(".problem")).to_contain_text("cannot be reached")
        await guests.query(QUERY_HTTP_PORT=host_and_port.rpartition(":")[2])
        await expect(banner).to_have_text("The connection is back.")
