"""``catchall export``: download all domains."""

import csv
import sys
from contextlib import aclosing

from client.client import CatchallClient
from client.commands.output import Progress, say, write_json

_COLUMNS = ("domain", "status", "delivered", "bounced", "threshold", "reason")


async def export(client: CatchallClient, status: str | None, form: str, cursor: str | None) -> int:
    """Write a line for each domain; the totals go to people."""
    rows = csv.writer(sys.stdout)
    if form == "csv":
        rows.writerow(_COLUMNS)
    written, progress = 0, Progress()
    async with aclosing(client.export(status, cursor)) as answers:
        async for answer in answers:
            if "domain" not in answer:
                _say_totals(written, answer["totals"])
                break
            if form == "csv":
                rows.writerow([answer[column] for column in _COLUMNS])
            else:
                write_json(answer)
            written += 1
            progress.report(f"{written:,} domains")
    sys.stdout.flush()
    return 0


def _say_totals(written: int, totals: dict[str, int] | None) -> None:
    say(f"{written:,} domains written")
    if totals is not None:
        say(", ".join(f"{number:,} {status}" for status, number in totals.items()))
