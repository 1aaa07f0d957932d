"""How far a log was read, as it is stored."""

from pathlib import Path

import pytest

from client.log_file import Position, load_position, store_position


def test_a_stored_position_is_loaded(tmp_path: Path) -> None:
    """A damaged file is an error, not a new beginning."""
    at = tmp_path / "position"
    assert load_position(at) is None
    store_position(at, Position(7, 9, "ab", "cd"))
    assert load_position(at) == Position(7, 9, "ab", "cd")
    at.write_text("{}")
    with pytest.raises(ValueError, match="no position"):
        load_position(at)


def test_a_position_of_an_older_version_is_loaded(tmp_path: Path) -> None:
    """It has no hash of the bytes before the offset."""
    at = tmp_path / "position"
    at.write_text('{"inode": 7, "offset": 9, "mark": "ab"}')
    assert load_position(at) == Position(7, 9, "ab", "")
