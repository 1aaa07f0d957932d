"""Looking up many domains on the page, in a real browser.

Assertions about the page are ``expect(...)``, as in ``test_page_scripts.py``.
"""

import csv
import io

import pytest
from playwright.async_api import expect

from shared.model.counter import Counters
from tests.clients.browser import Visit
from tests.contract.harness.page_node import PageNode


async def test_many_names_make_a_table_to_filter_sort_and_save(seen: Visit, node: PageNode) -> None:
    """The visible rows are saved as CSV (RFC 4180), and no cell is a formula."""
    node.counters["xn--bcher-kva.example"] = Counters(7, 1)
    page = seen.page
    await page.fill("#names", '  some.example,BÜCHER.example;\n=1+1 "quoted" \t-a.example ')
    await expect(page.locator("#names-count")).to_have_text("5 names")
    await page.click("text=Look up all")
    rows = page.locator("#rows tr")
    await expect(rows).to_have_count(5)
    await expect(rows.nth(1)).to_contain_text("xn--bcher-kva.example")
    await expect(rows.nth(2)).to_contain_text("is not allowed")
    async with page.expect_download() as download:
        await page.click("text=Download CSV")
    saved = await download.value
    text = (await saved.path()).read_bytes().decode("utf-8-sig")
    assert saved.suggested_filename == "domains.csv"
    assert text.count("\r\n") == text.count("\n") == 6
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["as pasted", "domain", "status", "delivered", "bounced", "threshold", "reason"],
        ["some.example", "some.example", "unknown", "204", "0", "1000", "not_enough_data"],
        ["BÜCHER.example", "xn--bcher-kva.example", "not catch-all", "7", "1", "1000", "bounced"],
        ["'=1+1", "", "refused", "", "", "", "forbidden_character"],
        ['"quoted"', "", "refused", "", "", "", "forbidden_character"],
        ["'-a.example", "", "refused", "", "", "", "hyphen_at_edge"],
    ]
    await page.click('label:has-text("Refused")')
    await expect(rows).to_have_count(3)
    await page.click('label:has-text("All")')
    await page.click("thead >> text=Delivered")
    await expect(rows.nth(4)).to_contain_text("204")
    await page.click("thead >> text=Delivered")
    await expect(rows.nth(0)).to_contain_text("204")
    await expect(page.locator("th[aria-sort=descending]")).to_have_text("Delivered")


async def test_rows_are_copied_with_tabs(seen: Visit) -> None:
    """The text can be pasted into a spreadsheet."""
    page = seen.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.fill("#names", "some.example @cmd")
    await page.click("text=Look up all")
    await page.click("#copy")
    await expect(page.locator("#copied")).to_have_text("Copied")
    assert (await page.evaluate("navigator.clipboard.readText()")).splitlines()[1:] == [
        "some.example\tsome.example\tunknown\t204\t0\t1000\tnot_enough_data",
        "'@cmd\t\trefused\t\t\t\tforbidden_character",
    ]


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        (["a", 1], "a,1"),
        (["a,b", 'say "x"', "two\nlines"], '"a,b","say ""x""","two\nlines"'),
        (["=1", "+1", "-1", "@a", "\ta"], "'=1,'+1,'-1,'@a,'\ta"),
        (["\ra"], '"\'\ra"'),
        (['=HYPERLINK("x,y")'], '"\'=HYPERLINK(""x,y"")"'),
    ],
)
async def test_a_line_of_csv(seen: Visit, cells: list[str], line: str) -> None:
    """Quoted where RFC 4180 requires it, escaped where a spreadsheet would run a formula."""
    written = await seen.page.evaluate(
        "async (row) => (await import('/static/lookup/csv.js')).csv([row])", cells
    )
    assert written == f"{line}\r\n"


async def test_a_list_that_is_too_long_cannot_be_submitted(seen: Visit) -> None:
    """The page shows how many names are too many while the user types."""
    page = seen.page
    await page.fill("#names", " ".join(f"d{number}.example" for number in range(1012)))
    await expect(page.locator("#names-count")).to_have_text("1,012 names: 12 too many")
    await expect(page.locator("#names")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#bulk-form button")).to_be_disabled()
    await page.fill("#names", "one.example")
    await expect(page.locator("#names-count")).to_have_text("1 name")
    await expect(page.locator("#bulk-form button")).to_be_enabled()
