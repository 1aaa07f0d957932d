"""Find what a JSON decoder passes over in silence: a field that an object has twice. Pure."""

import json
from collections.abc import Sequence

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Of UTF-8. It carries no data, and some programs write it (RFC 8259, 8.1)."""


def has_duplicate_field(text: bytes) -> bool:
    """Whether an object in *text*, which is valid JSON, has a field twice.

    A decoder keeps the last value (RFC 8259, 4), so that a sender never learns of the lost one.
    """
    found = False

    def check(fields: Sequence[tuple[str, object]]) -> None:
        nonlocal found
        found = found or len({name for name, _ in fields}) < len(fields)

    # Numbers stay text: their values do not matter, and a long one takes quadratic time.
    json.loads(text, object_pairs_hook=check, parse_int=str, parse_float=str)
    return found
