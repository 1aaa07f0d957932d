"""Several tabs with the page in one browser, which share one stream of changes.

Assertions about the page are ``expect(...)``, as in ``test_scripts.py``.
"""

from playwright.async_api import Browser, Page, expect

from shared.model.counter import Counters
from tests.clients.browser import Visit, visit
from tests.contract.harness.page_node import PageNode
from tests.waiting import until, until_equal

LOCK = "catchall-changes"
SILENT_MS = 46_000


async def open_tab(seen: Visit) -> Page:
    """Open the page in another tab of the same browser."""
    tab = await seen.page.context.new_page()
    await tab.goto("/")
    return tab


async def test_tabs_share_one_stream(seen: Visit, node: PageNode) -> None:
    """A new tab shows the changes of the first one at once, and then the same ones."""
    node.change("before.example", Counters(1001, 0))
    await expect(seen.page.locator("#changes-list a")).to_have_text(["before.example"])
    tab = await open_tab(seen)
    await expect(tab.locator("#changes-list a")).to_have_text(["before.example"])
    node.change("after.example", Counters(0, 1))
    node.send(b'event: late\ndata: {"late":true}\n\n')
    for page in (seen.page, tab):
        await expect(page.locator("#changes-list a")).to_have_text(
            ["after.example", "before.example"]
        )
        await expect(page.locator("#changes-late")).to_be_visible()
    third = await open_tab(seen)
    await expect(third.locator("#changes-late")).to_be_visible()
    assert node.resumed_from == [None]


async def test_the_next_tab_resumes_when_the_reading_one_is_closed(
    seen: Visit, node: PageNode
) -> None:
    """After the last change that any tab has: none is missing, none comes twice."""
    tab = await open_tab(seen)
    node.change("before.example", Counters(1001, 0))
    await expect(tab.locator("#changes-list a")).to_have_text(["before.example"])
    await seen.page.close()
    await until_equal(lambda: node.resumed_from, [None, "0:1"])
    node.change("after.example", Counters(0, 1))
    await expect(tab.locator("#changes-list a")).to_have_text(["after.example", "before.example"])
    await expect(tab.locator("#banner")).to_have_text("")


async def test_a_tab_takes_the_stream_from_one_that_is_silent(
    browser: Browser, node: PageNode
) -> None:
    """A browser may suspend a tab in the background, which keeps the lock."""
    async with visit(browser, node.origin) as opened:
        await opened.page.goto("/docs")
        await opened.page.evaluate(
            "(name) => { navigator.locks.request(name, () => new Promise(() => {})) }", LOCK
        )
        tab = await opened.page.context.new_page()
        await tab.clock.install()
        await tab.goto("/")
        await tab.clock.run_for(SILENT_MS)
        await tab.clock.resume()
        await until(lambda: node.streams)
        node.change("at-last.example", Counters(1001, 0))
        await expect(tab.locator("#changes-list a")).to_have_text(["at-last.example"])
