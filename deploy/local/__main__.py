"""`python -m deploy.local`: what `make run` runs."""

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
    nodes: Annotated[int, typer.Option(help="Brokers and Cassandra nodes: 1 or 3 of each.")] = 1,
    loopback_prefix: Annotated[
        str,
        typer.Option(help="Node N listens on PREFIX.N, the tiers on PREFIX.1."),
    ] = "127.0.0",
    data: Annotated[
        Path | None,
        typer.Option(help="Where data and logs are kept.", show_default=".local/data"),
    ] = None,
) -> None:
    """Start Kafka, Cassandra, ingest, worker and query, and keep them running until Ctrl-C."""
    # The clients' own complaints about servers that are still starting help nobody.
    for client in ("aiokafka", "cassandra"):
        logging.getLogger(client).setLevel(logging.CRITICAL)
    console = Console(highlight=False, soft_wrap=True)
    begun = time.monotonic()

    def report(line: str) -> None:
        clock = f"{time.monotonic() - begun:7.1f} s  "
        if line.startswith("curl "):
            # Alone on its line, to be copied.
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
