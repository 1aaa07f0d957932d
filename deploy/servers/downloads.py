"""Folders that downloads are made in before they get their final names."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ABANDONED_SECONDS = 3600


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Lend an empty folder beside *target*, to be renamed to it (whole or in part) when done.

    So an interrupted download is never taken for a whole one. What is left is removed, and so
    is what a run that was killed left behind.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}-"
    for old in target.parent.glob(f"{prefix}*"):
        if time.time() - old.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def finish(fresh: Path, target: Path) -> None:
    """Give the whole download at *fresh* its final name, in the place of an older one."""
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
