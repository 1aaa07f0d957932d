"""What the page says when a server in front of the node answers, in a real browser.

Assertions about the page are ``expect(...)``, as in ``test_scripts.py``.
"""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, Route, expect

from tests.clients.browser import Visit

WORDS = {
    502: "A server in front of the node cannot reach it (502).",
    503: "A server in front of the node has no node for this request at the moment (503).",
    504: "A server in front of the node did not get its answer in time (504).",
    413: "The request was refused with the status 413.",
    200: "The answer does not come from the node.",
}
HTML = "<html><head><title>nginx</title></head><body><h1>A page of the proxy</h1></body></html>"


def answering(status: int) -> Callable[[Route], Awaitable[None]]:
    """Return a proxy that answers in HTML."""

    async def answer(route: Route) -> None:
        await route.fulfill(status=status, content_type="text/html", body=HTML)

    return answer


@pytest.mark.parametrize("status", WORDS)
async def test_a_refused_look_up_is_explained(seen: Visit, status: int) -> None:
    """In a sentence: neither the proxy's page nor an error of a parser."""
    page = seen.page
    await page.route("**/?domain=*", answering(status))
    await page.fill("#domain", "some.example")
    await page.press("#domain", "Enter")
    await expect(page.locator(".problem p")).to_have_text(f"{WORDS[status]} Please try again.")


async def look_up_many(page: Page) -> None:
    """Paste two names and look them up."""
    await page.fill("#names", "some.example never.example")
    await page.click("#bulk-form button[type=submit]")


@pytest.mark.parametrize("status", [413, 200])
async def test_refused_names_are_explained(seen: Visit, status: int) -> None:
    """At once, where the same request would not succeed later."""
    await seen.page.route("**/domains", answering(status))
    await look_up_many(seen.page)
    await expect(seen.page.locator("#bulk-problem")).to_contain_text(WORDS[status])


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_names_are_sent_again_while_a_proxy_has_no_node(seen: Visit, status: int) -> None:
    """A node that restarts costs a moment, not the list."""
    await seen.page.route("**/domains", answering(status), times=1)
    await look_up_many(seen.page)
    await expect(seen.page.locator("#rows tr")).to_have_count(2)
    await expect(seen.page.locator("#bulk-problem")).to_have_text("")
