"""Browser tests read the page through ``expect``, which repeats, and never once.

A page draws by itself, often one frame after the test's last action. A single read of it passes on
a fast machine and fails on a slow one.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
SINGLE_READS = {
    *("all", "all_inner_texts", "all_text_contents", "count", "get_attribute", "inner_html"),
    *("inner_text", "input_value", "is_checked", "is_disabled", "is_editable", "is_enabled"),
    *("is_hidden", "is_visible", "query_selector", "query_selector_all", "text_content"),
}
"""Methods of Playwright's locators and pages that read once, without waiting."""
BROWSER_TESTS = sorted(
    path
    for path in TESTS.rglob("test_*.py")
    if "from playwright.async_api import" in path.read_text() and path != Path(__file__)
)


def single_reads(source: str) -> list[str]:
    """Return the awaited calls in *source* that read a page once."""
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Await)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr in SINGLE_READS
    ]


@pytest.mark.parametrize("path", BROWSER_TESTS, ids=lambda path: str(path.relative_to(TESTS)))
def test_a_browser_test_reads_the_page_through_expect(path: Path) -> None:
    """``await expect(rows).to_have_text([...])``, not ``await row.inner_text()``."""
    assert single_reads(path.read_text()) == []


def test_a_single_read_is_found() -> None:
    """Also inside an expression; a method of the same name that is not awaited is fine."""
    source = "async def f():\n    assert [await r.inner_text() for r in await rows.all()] == []\n"
    assert len(single_reads(source)) == 2
    assert single_reads("lines = text.count('x')") == []


def test_the_browser_tests_are_found() -> None:
    """The rule covers the tests of the page at every level."""
    assert len(BROWSER_TESTS) >= 3
