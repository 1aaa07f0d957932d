"""Looking up many domains on the page, in a real browser.

Assertions about the page are ``expect(...)``, as in ``test_scripts.py``.
"""

import asyncio
import csv
import io
import json
import re

import pytest
from playwright.async_api import Page, Route, expect

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
        "'@cmd\t\trefused\t\t\t\tsingle_label",
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
    await page.fill("#names", "a.example " * 100_012)
    await expect(page.locator("#names-count")).to_have_text("100,012 names: 12 too many")
    await expect(page.locator("#names")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#bulk-form button")).to_be_disabled()
    await page.fill("#names", "one.example")
    await expect(page.locator("#names-count")).to_have_text("1 name")
    await expect(page.locator("#bulk-form button")).to_be_enabled()


async def test_more_than_a_thousand_names_go_in_parts(seen: Visit) -> None:
    """The table shows the progress and the first thousand; the download has all."""
    page, sizes = seen.page, list[int]()
    may_answer = asyncio.Event()

    async def hold(route: Route) -> None:
        sizes.append(len(json.loads(route.request.post_data or "")["domains"]))
        if len(sizes) > 1:
            await may_answer.wait()
        await route.continue_()

    await page.route("**/domains", hold)
    await page.fill("#names", " ".join(f"d{number}.example" for number in range(2_300)))
    await page.click("text=Look up all")
    await expect(page.locator("#bulk-progress output")).to_have_text("1,000 of 2,300 names")
    await expect(page.locator("#rows tr")).to_have_count(1_000)
    may_answer.set()
    await expect(page.locator("#bulk-progress")).to_be_hidden()
    assert sizes == [1_000, 1_000, 300]
    await expect(page.locator("#rows tr")).to_have_count(1_000)
    await expect(page.locator("#rows-cut")).to_contain_text("And 1,300 more")
    async with page.expect_download() as download:
        await page.click("text=Download CSV")
    lines = (await (await download.value).path()).read_text("utf-8-sig").splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == [f"d{n}.example" for n in range(2_300)]


async def test_a_stopped_look_up_keeps_what_it_has(seen: Visit) -> None:
    """And another one can start."""
    page = seen.page
    reached = asyncio.Event()

    async def stall_later(route: Route) -> None:
        if "d1000.example" in (route.request.post_data or ""):
            reached.set()
            return
        await route.continue_()

    await page.route("**/domains", stall_later)
    await page.fill("#names", " ".join(f"d{number}.example" for number in range(1_001)))
    await page.click("text=Look up all")
    await reached.wait()
    await page.click("#bulk-stop")
    await expect(page.locator("#bulk-problem")).to_have_text("1,000 of 1,001 names were looked up.")
    await expect(page.locator("#rows tr")).to_have_count(1_000)
    await page.fill("#names", "some.example")
    await page.click("text=Look up all")
    await expect(page.locator("#rows tr")).to_have_count(1)
    await expect(page.locator("#bulk-problem")).to_have_text("")


async def test_addresses_are_cut_to_their_domains(seen: Visit) -> None:
    """As in the look-up of one; the table shows what was pasted."""
    page = seen.page
    await page.fill("#names", "user@some.example https://some.example/path <x@some.example>")
    await page.click("text=Look up all")
    await expect(page.locator("#rows tr td:nth-child(2)")).to_have_text(["some.example"] * 3)
    await expect(page.locator("#rows tr th")).to_have_text(
        ["user@some.example", "https://some.example/path", "<x@some.example>"]
    )


FILES = {
    "names.txt": (
        b"\xef\xbb\xbfsome.example\nuser@other.example\n",
        ["some.example", "user@other.example"],
    ),
    "names.csv": (b'"some.example";1\r\n"other.example";2\r\n', ["some.example", "other.example"]),
    "catch-all.csv": (
        b'domain,status\r\nsome.example,unknown\r\n# {"complete":true}\n',
        ["some.example"],
    ),
}


@pytest.mark.parametrize("name", FILES)
async def test_a_file_fills_the_field(seen: Visit, name: str) -> None:
    """Chosen or dropped; of a table, its first column."""
    content, names = FILES[name]
    page = seen.page
    await page.set_input_files(
        "#names-file", {"name": name, "mimeType": "text/plain", "buffer": content}
    )
    await expect(page.locator("#names")).to_have_value(
        re.compile("^" + "\\s".join(names) + "\\s?$")
    )
    await page.fill("#names", "")
    await drop(page, name, content)
    await expect(page.locator("#names")).to_have_value(
        re.compile("^" + "\\s".join(names) + "\\s?$")
    )


async def test_a_file_that_is_no_text_is_refused(seen: Visit) -> None:
    """With its name; the field keeps its names."""
    page = seen.page
    await page.fill("#names", "some.example")
    await drop(page, "names.xlsx", b"PK\x03\x04\x00\xff")
    await expect(page.locator("#bulk-problem")).to_have_text(
        "The file names.xlsx cannot be read: it is not a text file in UTF-8."
    )
    await expect(page.locator("#names")).to_have_value("some.example")


async def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file on the field."""
    transfer = await page.evaluate_handle(
        """([name, bytes]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], name));
          return transfer;
        }""",
        [name, list(content)],
    )
    for event in ("dragover", "drop"):
        await page.dispatch_event("#names", event, {"dataTransfer": transfer})
