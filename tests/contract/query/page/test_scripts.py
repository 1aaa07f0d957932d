"""The scripts of the page in a real browser, against a node that a test controls.

The page draws by itself, often one frame later. So a test never reads it once: every assertion
about the page is an ``expect(...)``, which Playwright repeats until it holds
(``tests/unit/tools/test_browser_assertions.py`` checks this). ``assert`` is for what never happens
(console errors, foreign requests) and for values that the test itself has set.
"""

import re
import time
from datetime import datetime, timedelta

import pytest
from playwright.async_api import Browser, Page, Route, expect

from shared.model.counter import Counters
from tests.clients.browser import NARROW, THEMES, Visit, visit
from tests.contract.harness.page_node import PageNode, open_connected
from tests.contract.harness.pulses import BUSY
from tests.waiting import until_equal

REFRESH_MS = 5_000
"""How often the page reads the answers that it shows."""


async def test_an_empty_page_explains_what_will_appear(seen: Visit) -> None:
    """No list, chart or table is blank."""
    page = seen.page
    await expect(page.locator("#changes-empty")).to_have_text(
        "No changes yet. They appear here as they happen."
    )
    await expect(page.locator("#chart-rates [data-now]")).to_have_text("no data yet")
    await expect(page.locator("#results")).to_be_hidden()
    assert seen.console_errors == []


async def test_a_visitor_sees_the_last_changes_at_once(browser: Browser, node: PageNode) -> None:
    """The newest first, with the times of their events; those of another day with the day."""
    yesterday = datetime.now().astimezone() - timedelta(days=1)
    node.recent = [
        (yesterday.timestamp(), "old.example", Counters(1001, 0)),
        (time.time(), "new.example", Counters(5, 1)),
    ]
    async with visit(browser, node.origin) as opened:
        await open_connected(opened, node)
        rows = opened.page.locator("#changes-list li")
        await expect(rows.locator("a")).to_have_text(["new.example", "old.example"])
        await expect(rows.locator("strong")).to_have_text(["not catch-all", "catch-all"])
        await expect(rows.locator("time").first).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
        await expect(rows.locator("time").last).to_have_text(f"{yesterday:%-d %b}")
        node.change("next.example", Counters(0, 1))
        await expect(rows.locator("a").first).to_have_text("next.example")


async def test_changes_do_not_move_under_the_pointer(seen: Visit, node: PageNode) -> None:
    """A reader hits the row that he aims at."""
    rows = seen.page.locator("#changes-list a")
    node.change("first.example", Counters(1001, 0))
    await rows.first.hover()
    await expect_held(seen.page, node)
    await seen.page.locator("h1").hover()
    await expect(rows).to_have_text(["next.example", "first.example"])
    await expect(seen.page.locator("#pause")).to_have_text("Pause")


async def test_changes_do_not_move_under_the_focus_of_the_keyboard(
    seen: Visit, node: PageNode
) -> None:
    """The next row that a reader reaches is the next one."""
    page = seen.page
    rows = page.locator("#changes-list a")
    node.change("first.example", Counters(1001, 0))
    await expect(rows).to_have_text(["first.example"])
    await page.locator("#pause").focus()
    await page.keyboard.press("Tab")  # to the list
    await page.keyboard.press("Tab")
    await expect(rows.first).to_be_focused()
    await expect_held(page, node)
    await page.locator("#domain").focus()
    await expect(rows).to_have_text(["next.example", "first.example"])


async def expect_held(page: Page, node: PageNode) -> None:
    """Send a change to a list of one that is held."""
    node.change("next.example", Counters(1001, 0))
    await expect(page.locator("#pause")).to_have_text("Pause, 1 new")
    await expect(page.locator("#changes-list a")).to_have_text(["first.example"])


async def test_a_change_appears_without_a_reload_and_the_card_follows(
    seen: Visit, node: PageNode
) -> None:
    """The card of the domain changes in place; changes of other domains do not affect it."""
    page = seen.page
    await page.fill("#domain", "some.example")
    await page.press("#domain", "Enter")
    card = page.locator(".card")
    await expect(card.locator(".verdict strong:visible")).to_have_text("Unknown")
    await expect(card.locator(".distance span:visible").first).to_contain_text("204 of 1,001")
    await page.evaluate("window.unchanged = true")

    node.change("other.example", Counters(2000, 0))
    node.change("some.example", Counters(1204, 0))
    await expect(card.locator(".verdict strong:visible")).to_have_text("Catch-all")
    await expect(card.locator("dd").first).to_have_text("1,204")
    await expect(card.locator(".fill")).to_have_attribute("width", "100.0%")
    node.change("some.example", Counters(1204, 2))
    await expect(card.locator(".verdict strong:visible")).to_have_text("Not catch-all")
    await expect(card.locator(".reason span:visible")).to_contain_text("has bounced")

    rows = page.locator("#changes-list li")
    await expect(rows.locator("strong")).to_have_text(["not catch-all", "catch-all", "catch-all"])
    await expect(rows.locator("a")).to_have_text(["some.example", "some.example", "other.example"])
    assert await page.evaluate("window.unchanged") is True
    assert seen.console_errors == []


async def test_a_late_change_does_not_revert_the_card(seen: Visit, node: PageNode) -> None:
    """Counts only grow, in whatever order the changes arrive."""
    page = seen.page
    node.counters["some.example"] = Counters(1204, 2)
    await page.fill("#domain", "some.example")
    await page.press("#domain", "Enter")
    await expect(page.locator(".verdict strong:visible")).to_have_text("Not catch-all")
    node.change("some.example", Counters(1001, 0))
    await expect(page.locator("#changes-list li")).to_have_count(1)
    await expect(page.locator(".verdict strong:visible")).to_have_text("Not catch-all")


async def test_the_list_is_bounded_and_can_be_paused(seen: Visit, node: PageNode) -> None:
    """It keeps a hundred rows; while paused it does not move, and no change is lost."""
    page = seen.page
    for number in range(130):
        node.change(f"d{number}.example", Counters(1001, 0))
    rows = page.locator("#changes-list li")
    await expect(rows.first).to_contain_text("d129.example")
    await expect(rows).to_have_count(100)
    await page.click("#pause")
    node.change("late.example", Counters(1001, 0))
    await expect(page.locator("#pause")).to_have_text("Resume, 1 new")
    await expect(rows.first).to_contain_text("d129.example")
    await page.click("#pause")
    await expect(rows.first).to_contain_text("late.example")
    await expect(page.locator("#pause")).to_have_text("Pause")


async def test_counts_grow_although_the_status_is_final(browser: Browser, node: PageNode) -> None:
    """The browser may cache such an answer for ever, but the page reads it again."""
    async with visit(browser, node.origin) as opened:
        await opened.page.clock.install()
        await open_connected(opened, node)
        await expect_growth(opened.page, node)


async def expect_growth(page: Page, node: PageNode) -> None:
    """Look a domain up, and read its counts each time that the page asks again."""
    node.counters["some.example"] = Counters(3, 1)
    await page.fill("#domain", "some.example")
    await page.press("#domain", "Enter")
    delivered = page.locator("#answer [data-field=delivered]:visible").first
    await expect(delivered).to_have_text("3")
    for count in (9, 10):
        node.counters["some.example"] = Counters(count, 1)
        await page.clock.run_for(REFRESH_MS)
        await expect(delivered).to_have_text(str(count))


async def test_a_gap_is_shown_and_the_card_is_read_again(seen: Visit, node: PageNode) -> None:
    """After ``resync`` the list shows that it is incomplete."""
    page = seen.page
    await page.fill("#domain", "some.example")
    await page.press("#domain", "Enter")
    await expect(page.locator(".verdict strong:visible")).to_have_text("Unknown")
    node.counters["some.example"] = Counters(1204, 2)
    node.send(b"event: resync\ndata: {}\n\n")
    await expect(page.locator("#changes-list .gap span")).to_have_text(
        "Some changes are missing here."
    )
    await expect(page.locator(".verdict strong:visible")).to_have_text("Not catch-all")


async def test_a_refused_stream_begins_later_with_the_last_changes(
    browser: Browser, node: PageNode
) -> None:
    """A page without a position to resume from misses none that it has room for."""
    node.refuses_streams = True
    async with visit(browser, node.origin) as opened:
        await opened.page.goto("/")
        await expect(opened.page.locator("#banner")).to_contain_text("The connection was lost at")
        node.recent = [(time.time(), "meanwhile.example", Counters(1001, 0))]
        node.refuses_streams = False
        await expect(opened.page.locator("#banner")).to_have_text("The connection is back.")
        await expect(opened.page.locator("#changes-list a")).to_have_text(["meanwhile.example"])


async def test_the_page_shows_that_changes_may_be_late(seen: Visit, node: PageNode) -> None:
    """The note disappears when they no longer are."""
    note = seen.page.locator("#changes-late")
    await expect(note).to_be_hidden()
    node.send(b'event: late\ndata: {"late":true}\n\n')
    await expect(note).to_have_text("Changes may be late at the moment.")
    node.send(b'event: late\ndata: {"late":false}\n\n')
    await expect(note).to_be_hidden()


async def test_a_lost_connection_is_shown_and_so_is_its_return(seen: Visit, node: PageNode) -> None:
    """The banner shows the time of the loss, and disappears after the return."""
    banner = seen.page.locator("#banner")
    await seen.page.context.set_offline(offline=True)
    await expect(banner).to_contain_text("The connection was lost at")
    await expect(banner).to_be_in_viewport()
    await seen.page.context.set_offline(offline=False)
    await expect(banner).to_have_text("The connection is back.")
    node.change("after.example", Counters(1001, 0))
    await expect(seen.page.locator("#changes-list")).to_contain_text("after.example")
    await expect(banner).to_have_text("")


async def test_a_stream_that_reconnects_at_once_shows_no_banner(
    seen: Visit, node: PageNode
) -> None:
    """A node ends old connections."""
    await seen.page.evaluate(
        "window.shown = []; new MutationObserver((all) => window.shown.push(all.length))"
        ".observe(document.querySelector('#banner'), {childList: true, characterData: true})"
    )
    async with seen.page.expect_response("**/changes*"):
        node.send(None)
    node.change("after.example", Counters(1001, 0))
    await expect(seen.page.locator("#changes-list")).to_contain_text("after.example")
    assert await seen.page.evaluate("window.shown") == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [(1280, 900), NARROW], ids=["wide", "narrow"])
async def test_a_page_full_of_data_is_accessible(
    browser: Browser, node: PageNode, theme: str, size: tuple[int, int]
) -> None:
    """Axe finds nothing serious, and nothing is wider than the window. Saves a screenshot."""
    node.pulse = BUSY
    node.counters["xn--bcher-kva.example"] = Counters(1204, 0)
    async with visit(browser, node.origin, size, **THEMES[theme]) as opened:
        await open_connected(opened, node, "/?domain=B%C3%9CCHER.example")
        page = opened.page
        for number in range(12):
            node.change(f"d{number}.customer.example", Counters(1001 + number, number % 3))
        node.change("-".join(["a-very-long-name"] * 3) + ".example", Counters(1001, 0))
        await page.fill("#names", "some.example bücher.example localhost never.example")
        await page.click("text=Look up all")
        await expect(page.locator("#rows tr")).to_have_count(4)
        await expect(page.locator("#changes-list li")).to_have_count(13)
        name = f"full-{theme}-{'narrow' if size == NARROW else 'wide'}"
        await opened.save_screenshot(name)
        await until_equal(opened.accessibility_violations, [])
        await until_equal(opened.overflow_pixels, 0)
        assert opened.console_errors == []
        assert opened.foreign_requests == []


@pytest.mark.parametrize("theme", THEMES)
async def test_the_documentation_loads_under_the_policy(
    browser: Browser, node: PageNode, theme: str
) -> None:
    """Swagger UI loads from no other origin and violates no rule of the policy."""
    async with visit(browser, node.origin, **THEMES[theme]) as opened:
        await opened.page.goto("/docs")
        operation = opened.page.locator("#query .opblock-summary-control")
        await expect(operation).to_contain_text("/domains/{domain}")
        await operation.click()
        await expect(opened.page.locator("#query .try-out")).to_be_visible()
        operation = opened.page.locator("#ingest .opblock-summary-control")
        await expect(operation).to_contain_text("/events/{domain}/bounced")
        await operation.click()
        await expect(opened.page.locator("#ingest .opblock-body")).to_be_visible()
        await expect(opened.page.locator("#ingest .try-out")).to_have_count(0)
        await opened.save_screenshot(f"docs-{theme}", full=False)
        assert opened.console_errors == []
        assert opened.foreign_requests == []


async def test_the_documentation_explains_that_no_ingest_node_answers(seen: Visit) -> None:
    """The API to look domains up is shown all the same."""

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, content_type="application/problem+json", body="{}")

    await seen.page.route("**/docs/ingest.json", refuse)
    await seen.page.goto("/docs")
    await expect(seen.page.locator("#ingest-missing")).to_be_visible()
    await expect(seen.page.locator("#query .opblock")).to_have_count(1)
