"""A process that sends its share of a run: ``python -m tests.load.sending``.

It is told by standard input what to send, and tells by standard output what became of it; its part
of the ledger it leaves in a file. Where its input ends its parent has died, and it ends as well.
"""

import asyncio
import gc
import math
import os
import sys
from pathlib import Path
from time import process_time

import uvloop

from tests.load import frames
from tests.load.agenda import Agenda
from tests.load.book import Book
from tests.load.ledger import Ledger
from tests.load.node import node_at
from tests.load.profiles import domains_of, shipments_of, stream_of
from tests.load.sender import Sender

PROGRESS_SECONDS = 1.0
_ORPHANED = 3


def main() -> None:
    """Prepare, wait for the start, send, and hand everything over."""
    begin = frames.read(sys.stdin.buffer)
    assert isinstance(begin, frames.Begin)
    options = begin.options
    stream, ledger = stream_of(options), Ledger(domains_of(options))
    shipments = shipments_of(options, stream, begin.share)
    _tell(frames.Ready())
    go = frames.read(sys.stdin.buffer)
    assert isinstance(go, frames.Go)
    book = Book(ledger, go.began)
    sender = Sender(
        stream,
        book,
        nodes=[node_at(url) for url in options.ingest],
        # So that a few connections of many processes do not all go to the first node.
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
    # Nothing made so far is garbage, and what is made from here on has no cycles.
    gc.freeze()

    async def send() -> float:
        asyncio.get_running_loop().add_reader(0, os._exit, _ORPHANED)
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(_keep_telling(book, sender))
            ended = await sender.run(agenda)
            telling.cancel()
        return ended

    spent = process_time()
    ended = uvloop.run(send())
    spent = process_time() - spent
    _tell(frames.Progress(book.drain(), 0))
    with Path(begin.ledger_file).open("wb") as entries:
        for outcome, piece in ledger.pieces():
            entries.write(frames.encode(frames.Entries(outcome, piece)))
    _tell(frames.Finished(ended, book.last_accepted, spent, book.breaches))


async def _keep_telling(book: Book, sender: Sender) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        _tell(frames.Progress(book.drain(), sender.in_flight))


def _tell(message: frames.Message) -> None:
    # Blocking, but the pipe holds several seconds of progress.
    sys.stdout.buffer.write(frames.encode(message))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
