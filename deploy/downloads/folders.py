"""Download into a temporary folder, then rename it: a folder with its final name is complete."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ABANDONED_SECONDS = 3600


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Yield an empty folder next to *target*; ``finish`` renames it, or a part of it, to *target*.

    Removes what remains on exit, and also what a killed run left behind more than an hour ago.
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
    """Rename the complete download *fresh* to *target*; replaces an older one."""
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
