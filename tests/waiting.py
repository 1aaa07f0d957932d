"""Wait for what another process, a server or a page does a moment later, up to a deadline."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.02


async def until(
    condition: Callable[[], Any] | Callable[[], Awaitable[Any]],
    within_seconds: float = WAIT_SECONDS,
) -> Any:
    """Call *condition*, a function or a coroutine function, until its result is true; return it.

    Raises TimeoutError with the last result.
    """
    last: Any = None
    try:
        async with asyncio.timeout(within_seconds):
            while not (last := await _call(condition)):
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"after {within_seconds} s still {last!r}") from error
    return last


async def until_equal(
    read: Callable[[], Any] | Callable[[], Awaitable[Any]],
    expected: object,
    within_seconds: float = WAIT_SECONDS,
) -> None:
    """Call *read* until it returns *expected*; at the deadline fail with what it returned."""
    found: Any = None

    async def is_expected() -> bool:
        nonlocal found
        found = await _call(read)
        return bool(found == expected)

    try:
        await until(is_expected, within_seconds)
    except TimeoutError:
        assert found == expected, f"after {within_seconds} s"


async def _call(function: Callable[[], Any]) -> Any:
    result = function()
    return await result if inspect.isawaitable(result) else result
