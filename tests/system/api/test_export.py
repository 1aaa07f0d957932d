"""The download of all domains, and the totals, on a running system."""

import csv
import io
import json
from typing import Any

import pytest

from tests.clients.client import Client
from tests.waiting import until

WANTED = {
    "export-a.example": (1_001, 0, "catch-all"),
    "export-b.example": (1_000, 0, "unknown"),
    "export-c.example": (5_000, 2, "not catch-all"),
    "xn--exprt-jua.example": (1_002, 0, "catch-all"),
}


async def lines_of(client: Client, **parameters: str) -> list[Any]:
    """Return the lines of an export."""
    reply = await client.http.get(f"{client.query}/domains", params=parameters)
    text = await reply.text()
    assert reply.status == 200, text
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
async def reported(client: Client) -> Client:
    """Report the events, unless an earlier test has, and wait until they are counted."""
    for domain, (delivered, bounced, _) in WANTED.items():
        if (await client.counts(domain)) != (delivered, bounced):
            await client.report(domain, "delivered", delivered)
            if bounced:
                await client.report(domain, "bounced", bounced)
            await client.wait_for_counts(domain, delivered, bounced)
    return client


async def test_an_export_has_every_domain_with_its_exact_counts(reported: Client) -> None:
    """Its lines are the answers of lookups; the last one has the totals of all domains."""
    *answers, end = await lines_of(reported)

    found = {answer["domain"]: answer for answer in answers}
    assert len(found) == len(answers) == sum(end["totals"].values())
    assert (end["complete"], end["cursor"]) == (True, None)
    for domain, (delivered, bounced, status) in WANTED.items():
        answer = found[domain]
        assert (answer["delivered"], answer["bounced"]) == (delivered, bounced)
        assert answer["status"] == status
        assert answer == (await reported.get(domain)).body


@pytest.mark.parametrize("status", ["catch-all", "not catch-all", "unknown"])
async def test_an_export_of_one_status_has_its_domains_only(reported: Client, status: str) -> None:
    """The totals are those of all domains."""
    *answers, end = await lines_of(reported, status=status)

    assert {answer["status"] for answer in answers} == {status}
    assert len(answers) == end["totals"][status]
    assert min(end["totals"].values()) > 0
    assert {answer["domain"] for answer in answers} & WANTED.keys() == {
        domain for domain, (_, _, of) in WANTED.items() if of == status
    }


async def test_a_csv_file_has_the_same_answers(reported: Client) -> None:
    """Programs for tables read it; the totals are a comment."""
    *answers, _ = await lines_of(reported, status="catch-all")
    reply = await reported.http.get(
        f"{reported.query}/domains", params={"status": "catch-all", "format": "csv"}
    )
    *lines, end = (await reply.text()).splitlines()
    rows = list(csv.DictReader(io.StringIO("\n".join(lines))))

    assert reply.headers["Content-Type"] == "text/csv"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="catch-all.csv"'
    assert rows == [{key: str(value) for key, value in answer.items()} for answer in answers]
    assert json.loads(end.removeprefix("# "))["complete"] is True


async def test_an_interrupted_download_goes_on_after_its_last_line(reported: Client) -> None:
    """The domain of any line is the cursor of the lines after it."""
    *answers, _ = await lines_of(reported)
    order = [answer["domain"] for answer in answers]
    for position in (0, len(order) // 2, len(order) - 1):
        *rest, end = await lines_of(reported, cursor=order[position])
        assert [answer["domain"] for answer in rest] == order[position + 1 :]
        assert sum(end["totals"].values()) == len(rest)


async def test_the_summary_counts_the_domains(reported: Client) -> None:
    """As the export does."""
    *_, end = await lines_of(reported)

    async def summary() -> Any:
        reply = await reported.request("GET", f"{reported.query}/summary")
        return reply.body if reply.status == 200 else None

    found = await until(summary)
    assert found["totals"] == end["totals"]
    assert found["domains"] == sum(end["totals"].values())


async def test_head_reads_no_domains(reported: Client) -> None:
    """It has the headers of the download."""
    reply = await reported.request("HEAD", f"{reported.query}/domains?format=csv")

    assert (reply.status, reply.text) == (200, "")
    assert reply.headers["Content-Type"] == "text/csv"
