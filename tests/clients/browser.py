"""A real Chromium for the tests of pages, and the checks that every page must pass."""

import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

LIMIT_MS = 15_000.0
WIDE, NARROW = (1280, 900), (320, 720)
_SERIOUS = {"serious", "critical"}


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Start the system's Chromium without a window, else Playwright's; close it on exit."""
    expect.set_options(timeout=LIMIT_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell"),
            # Chromium has no sandbox for root. The tests load only our own pages.
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(slots=True)
class Visit:
    """An open page, with its errors and foreign requests."""

    page: Page
    origin: str
    console_errors: list[str] = field(default_factory=list)
    """Errors and warnings in the console, and uncaught errors of scripts."""
    foreign_requests: list[str] = field(default_factory=list)
    """URLs of requests to other origins."""

    async def save_screenshot(self, name: str, *, full: bool = True) -> None:
        """Save a screenshot for people to look at."""
        folder = os.environ.get("CATCHALL_ARTEFACTS", ".local/screenshots")
        # Playwright creates the folder.
        await self.page.screenshot(path=f"{folder}/{name}.png", full_page=full)

    async def accessibility_violations(self) -> list[str]:
        """Return the serious and critical accessibility violations that axe finds."""
        results = await Axe().run(self.page)
        return [
            f"{found['id']} ({found['impact']}): {node['html']}"
            for found in results.response["violations"]
            if found["impact"] in _SERIOUS
            for node in found["nodes"]
        ]

    async def overflow_pixels(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        wider = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return int(wider)


@asynccontextmanager
async def visit(
    browser: Browser, origin: str, size: tuple[int, int] = WIDE, **options: Any
) -> AsyncIterator[Visit]:
    """Open a page in a new context with *options*."""
    width, height = size
    context = await browser.new_context(
        base_url=origin, viewport={"width": width, "height": height}, locale="en-GB", **options
    )
    context.set_default_timeout(LIMIT_MS)
    try:
        page = await context.new_page()
        opened = Visit(page, origin)
        page.on("pageerror", lambda error: opened.console_errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                opened.console_errors.append(message.text)
                if message.type in {"error", "warning"}
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((origin, "data:", "blob:"))
                else opened.foreign_requests.append(request.url)
            ),
        )
        yield opened
    finally:
        await context.close()


THEMES: Mapping[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
}
