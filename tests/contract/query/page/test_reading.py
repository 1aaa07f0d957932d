"""Small helps of the page: what is pasted, what is shown, what is downloaded.

Assertions about the page are ``expect(...)``, as in ``test_scripts.py``.
"""

import pytest
from playwright.async_api import Browser, expect

from shared.model.counter import Counters
from tests.clients.browser import Visit, visit
from tests.contract.harness.page_node import PageNode, open_connected
from tests.waiting import until_equal


@pytest.mark.parametrize(
    "pasted",
    [
        " some.example ",
        "user@some.example",
        "Some One <some.one@some.example>",
        "mailto:user+tag@some.example?subject=a@b",
        "https://some.example/path?email=x@other.example#part",
        "http://user:word@some.example:8080",
        "some.example/path",
        "some.example:443",
        '"a/b@c"@some.example',
    ],
)
async def test_an_address_is_cut_to_its_domain(seen: Visit, pasted: str) -> None:
    """People paste what they have; only the domain reaches the node."""
    await seen.page.fill("#domain", pasted)
    await seen.page.press("#domain", "Enter")
    await expect(seen.page.locator(".card")).to_have_attribute("data-domain", "some.example")
    await expect(seen.page.locator("#domain")).to_have_value("some.example")
    await expect(seen.page).to_have_url(f"{seen.origin}/?domain=some.example")


async def test_a_text_without_a_domain_is_refused_as_it_stands(seen: Visit) -> None:
    """The refusal names what was typed."""
    await seen.page.fill("#domain", "user@")
    await seen.page.press("#domain", "Enter")
    await expect(seen.page.locator("#domain")).to_have_value("user@")
    await expect(seen.page.locator(".problem")).to_be_visible()


async def test_the_title_follows_the_look_up(seen: Visit, node: PageNode) -> None:
    """Also when the status changes, and back through the history."""
    page = seen.page
    first = "catchall: does a domain accept every address?"
    await expect(page).to_have_title(first)
    await page.fill("#domain", "some.example")
    await page.press("#domain", "Enter")
    await expect(page).to_have_title("some.example: unknown - catchall")
    node.change("some.example", Counters(1204, 0))
    await expect(page).to_have_title("some.example: catch-all - catchall")
    await page.go_back()
    await expect(page).to_have_title(first)


async def test_changes_are_shown_by_status(seen: Visit, node: PageNode) -> None:
    """Earlier ones too; those that are left out come back."""
    page = seen.page
    rows = page.locator("#changes-list a")
    node.change("a.example", Counters(1001, 0))
    node.change("b.example", Counters(5, 1))
    await expect(rows).to_have_text(["b.example", "a.example"])
    await page.select_option("#changes-status", "unknown")
    await expect(page.locator("#changes-empty")).to_have_text("No change to unknown yet.")
    await page.select_option("#changes-status", "not catch-all")
    await expect(rows).to_have_text(["b.example"])
    node.change("c.example", Counters(1001, 0))
    node.change("d.example", Counters(0, 1))
    await expect(rows).to_have_text(["d.example", "b.example"])
    await page.select_option("#changes-status", "")
    await expect(rows).to_have_text(["d.example", "c.example", "b.example", "a.example"])


async def test_all_domains_of_a_status_are_downloaded(seen: Visit, node: PageNode) -> None:
    """By the browser itself, as the answer may be larger than its memory; the page stays."""
    page = seen.page
    await page.select_option("#export-status", "not catch-all")
    await page.click("#export-form button")
    await until_equal(lambda: node.exports, ["status=not catch-all&format=csv"])
    await expect(page.locator("#export-status")).to_have_value("not catch-all")


async def test_midnight_is_zero_hours_in_every_locale(browser: Browser, node: PageNode) -> None:
    """Some locales write 24:00:00 unless asked for another cycle."""
    async with visit(browser, node.origin) as opened:
        await open_connected(opened, node)
        hours = await opened.page.evaluate(
            """async () => {
              const { clock } = await import("/static/clock.js");
              const { toLocaleTimeString } = Date.prototype;
              const midnight = new Date(2026, 10, 29, 0, 0, 7);
              return ["en-US", "en-GB", "de", "ja", "ar-EG-u-nu-latn", "ko"].map((locale) => {
                Date.prototype.toLocaleTimeString = function (_, options) {
                  return toLocaleTimeString.call(this, locale, options);
                };
                const text = clock(midnight);
                Date.prototype.toLocaleTimeString = toLocaleTimeString;
                return text.replace(/[^0-9].*/, "");
              });
            }"""
        )
        assert {int(hour) for hour in hours} == {0}
