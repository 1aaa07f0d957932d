"""The command behind `make run`: ``python -m deploy.local``."""

import asyncio
import logging
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from deploy.local import run
from deploy.processes.errors import ServersError
from deploy.servers.cluster import Cluster


def main(
    nodes: Annotated[
        int, typer.Option(help="Number of brokers and of Cassandra nodes: 1 or 3.")
    ] = 1,
    loopback_prefix: Annotated[
        str,
        typer.Option(help="Server N listens on PREFIX.N; the tiers listen on PREFIX.1."),
    ] = "127.0.0",
    data: Annotated[
        Path | None,
        typer.Option(help="Folder for data and logs.", show_default=".local/data"),
    ] = None,
) -> None:
    """Start Kafka, Cassandra, ingest, worker and query, and keep them running until Ctrl-C."""
    # The clients log errors while the servers are still starting; these help nobody.
    for client in ("aiokafka", "cassandra"):
        logging.getLogger(client).setLevel(logging.CRITICAL)
    console = Console(highlight=False, soft_wrap=True)
    started = time.monotonic()

    def report(line: str) -> None:
        clock = f"{time.monotonic() - started:7.1f} s  "
        if line.startswith("curl "):
            # Without the time, so that people can copy the line.
            console.print(Text(line, style="bold"))
        else:
            console.print(Text.assemble((clock, "dim"), line))

    try:
        directory = (data or run.default_directory()).resolve()
        status = asyncio.run(run.run(Cluster(directory, nodes, loopback_prefix), report))
    except ServersError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    typer.run(main)
