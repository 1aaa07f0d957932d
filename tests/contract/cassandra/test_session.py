"""What a session keeps in memory."""

import gc

from cassandra.cluster import ResponseFuture

from shared.cassandra.session import Session


def answers_in_memory() -> int:
    """Return the number of responses of the driver that hold rows."""
    # Not isinstance: the driver leaves weak proxies of sessions, and that fails for a dead one.
    found = (each for each in gc.get_objects() if type(each) is ResponseFuture)
    return sum(1 for each in found if each._final_result)


async def test_rows_are_freed_once_they_are_used(session: Session) -> None:
    """Without the garbage collector: nodes run it seldom, and a response is a reference cycle."""
    gc.disable()
    try:
        before = answers_in_memory()
        assert await session.read("SELECT key FROM system.local")
        assert answers_in_memory() == before
    finally:
        gc.enable()
