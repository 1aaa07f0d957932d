"""Temporary folders of downloads."""

import os
from pathlib import Path

import pytest

from deploy.downloads import folders


def test_interrupted_download_is_removed(tmp_path: Path) -> None:
    """An interrupted download leaves neither its parts nor its target."""
    target = tmp_path / "jdk"

    def interrupted() -> None:
        with folders.unfinished(target) as fresh:
            (fresh / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_finished_download_replaces_an_older_one(tmp_path: Path) -> None:
    """A finished download replaces the whole folder."""
    target = tmp_path / "jdk"
    target.mkdir()
    (target / "old").touch()
    with folders.unfinished(target) as fresh:
        (fresh / "part").mkdir()
        (fresh / "part" / "new").touch()
        folders.finish(fresh / "part", target)
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_only_abandoned_downloads_are_removed(tmp_path: Path) -> None:
    """The remains of a killed run are removed after an hour; a running download stays."""
    abandoned, busy = tmp_path / ".jdk-old", tmp_path / ".jdk-busy"
    abandoned.mkdir()
    busy.mkdir()
    os.utime(abandoned, (0, 0))
    with folders.unfinished(tmp_path / "jdk"):
        assert not abandoned.exists()
        assert busy.exists()
