"""The vendored files are unchanged."""

import hashlib
import re
from pathlib import Path

import query

VENDOR = Path(query.__file__).parent / "page" / "static" / "vendor"
_ROW = re.compile(r"^\| `(\S+)` \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_each_vendored_file_has_the_listed_hash() -> None:
    """Every file is listed, and none is edited by hand."""
    listed = dict(_ROW.findall((VENDOR / "README.md").read_text()))
    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    assert found == listed
