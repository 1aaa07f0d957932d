"""What others wrote is what their packages hold."""

import hashlib
import re
from pathlib import Path

import query

VENDOR = Path(query.__file__).parent / "page" / "static" / "vendor"
_ROW = re.compile(r"^\| `(\S+)` \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_each_vendored_file_has_the_hash_that_is_written_down() -> None:
    """Nobody edits them by hand, and none is there that is not listed."""
    listed = dict(_ROW.findall((VENDOR / "README.md").read_text()))
    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    assert found == listed
