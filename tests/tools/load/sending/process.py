"""A process that sends its share of a run: ``python -m tests.tools.load.sending.process``.

Standard input carries its orders, standard output the outcomes. When its input ends, its parent has
died, and it exits.
"""

import asyncio
import gc
import math
import os
from io import BufferedWriter
from time import process_time

import uvloop

from tests.tools.load.client.node import node_at
from tests.tools.load.sending import frames
from tests.tools.load.sending.agenda import Agenda
from tests.tools.load.sending.book import Book
from tests.tools.load.sending.sender import Sender
from tests.tools.load.streams.profiles import domains_of, shipments_of, stream_of
from tests.tools.load.verification.ledger import Ledger

PROGRESS_SECONDS = 1.0
_ORPHANED = 3


def main() -> None:
    """Prepare, wait for the start, send, and return every outcome."""
    orders, outcomes = os.fdopen(0, "rb", closefd=False), os.fdopen(1, "wb", closefd=False)
    begin = frames.read(orders)
    assert isinstance(begin, frames.Begin)
    options = begin.options
    stream, ledger = stream_of(options), Ledger(domains_of(options))
    shipments = shipments_of(options, stream, begin.share)
    frames.write(frames.Ready(), outcomes)
    go = frames.read(orders)
    assert isinstance(go, frames.Go)
    book = Book(ledger, go.began)
    sender = Sender(
        stream,
        book,
        nodes=[node_at(url) for url in options.ingest],
        # Otherwise a few connections of many processes would all go to the first node.
        first_node=begin.share.first,
        connections=begin.connections,
        timeout_seconds=options.request_timeout_seconds,
    )
    agenda = Agenda(
        shipments,
        go.began,
        closed_loop=options.closed_loop,
        duration_seconds=options.duration_seconds or math.inf,
    )
    # No object so far is garbage, and later ones have no cycles.
    gc.freeze()

    async def send() -> float:
        asyncio.get_running_loop().add_reader(0, os._exit, _ORPHANED)
        async with asyncio.TaskGroup() as tasks:
            progress = tasks.create_task(_report_progress(book, sender, outcomes))
            ended = await sender.run(agenda)
            progress.cancel()
        return ended

    spent = process_time()
    ended = uvloop.run(send())
    spent = process_time() - spent
    frames.write(frames.Progress(book.drain(), 0), outcomes)
    for outcome, piece in ledger.pieces():
        frames.write(frames.Entries(outcome, piece), outcomes)
    frames.write(frames.Finished(ended, book.last_accepted, spent, book.breaches), outcomes)


async def _report_progress(book: Book, sender: Sender, outcomes: BufferedWriter) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        # This blocks, but the pipe has room for several seconds of progress.
        frames.write(frames.Progress(book.drain(), sender.in_flight), outcomes)


if __name__ == "__main__":
    main()
