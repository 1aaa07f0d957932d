"""Wait for what is bound to happen, and not for ever."""

import asyncio
from collections.abc import Awaitable, Callable

WAIT_SECONDS = 20.0
_LOOK_SECONDS = 0.02


async def until(
    condition: Callable[[], Awaitable[bool]], limit_seconds: float = WAIT_SECONDS
) -> None:
    """Return when *condition* holds. Raises TimeoutError."""
    async with asyncio.timeout(limit_seconds):
        while not await condition():
            await asyncio.sleep(_LOOK_SECONDS)
