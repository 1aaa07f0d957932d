"""Watch a system while something else puts it under load."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager


@asynccontextmanager
async def beside(watching: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run *watching* during the block, then cancel it.

    If it ended with an error before that, its readings have a gap: raises the error, unless the
    block raised one.
    """
    task = asyncio.create_task(watching)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()
