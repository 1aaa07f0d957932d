"""Whose key it is, and what a key file may say."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.auth import api_keys as keys
from shared.auth.api_keys import Entry, Keys, encode_file, hash_secret, parse_file, parse_keys
from shared.errors import ConfigError

OLD, NEW, OTHER = "old-secret", "new-secret", "other.secret"
TWO = {"id": "two", "sha256": [hash_secret(OLD), hash_secret(NEW)], "scopes": ["ingest"]}
ONE = {"id": "one", "sha256": [hash_secret(OTHER)], "scopes": ["ingest", "query"]}


def file_of(*entries: dict[str, Any]) -> bytes:
    """Return a key file."""
    return json.dumps({"keys": entries}).encode()


KEYS = parse_keys(file_of({**TWO, "events_per_second": 10, "requests_per_second": 0.5}, ONE))


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (f"Bearer two.{OLD}", "two"),
        (f"Bearer two.{NEW}", "two"),
        (f"bearer two.{NEW}", "two"),
        (f"BEARER one.{OTHER}", "one"),
        (f"Bearer two.{OTHER}", None),
        (f"Bearer one.{OLD}", None),
        (f"Bearer ONE.{OTHER}", None),
        (f"Bearer nobody.{OTHER}", None),
        (f"Bearer .{OTHER}", None),
        (f"Bearer one {OTHER}", None),
        (f"Bearer one.{OTHER} ", None),
        (f"Bearer one.{OTHER}, Bearer one.{OTHER}", None),
        (f"Bearer  one.{OTHER}", None),
        (f" Bearer one.{OTHER}", None),
        (f"Basic one.{OTHER}", None),
        (f"one.{OTHER}", None),
        (f"Bearer one.{hash_secret(OTHER)}", None),
        *((header, None) for header in ("", "Bearer", "Bearer ", "Bearer .", "Bearer one.", ".")),
        ("Bearer one.\udcff", None),
    ],
)
def test_a_header_is_somebodys_or_nobodys(header: str, name: str | None) -> None:
    """The scheme in any case, the rest to the letter; a hash is no secret."""
    key = KEYS.verify(header)
    assert (key.id if key else None) == name


def test_a_key_has_the_scopes_and_quotas_of_the_file() -> None:
    """Without a quota of its own it has none here."""
    two, one = KEYS.by_id["two"], KEYS.by_id["one"]
    assert (two.scopes, two.events_per_second, two.requests_per_second) == (
        frozenset({"ingest"}),
        10,
        0.5,
    )
    assert (one.scopes, one.events_per_second) == (frozenset({"ingest", "query"}), None)


def near(header: str) -> st.SearchStrategy[str]:
    """Return what is nearly *header*."""
    at = st.integers(0, len(header))
    return st.builds(lambda i, j, text: header[:i] + text + header[j:], at, at, st.text(max_size=3))


RIGHT = [f"Bearer two.{OLD}", f"Bearer two.{NEW}", f"Bearer one.{OTHER}"]


@given(st.one_of(st.text(), *map(near, RIGHT)))
def test_no_header_but_a_right_one_passes(header: str) -> None:
    """Whatever is sent: nothing is somebody's but his id and his secret, and nothing raises."""
    scheme, space, token = header.partition(" ")
    right = f"{scheme.lower().capitalize()}{space}{token}" in RIGHT and scheme.isascii()

    assert (KEYS.verify(header) is not None) == right


@pytest.mark.parametrize(
    "header", [*RIGHT, "Bearer one.wrong", "Bearer nobody.wrong", "Bearer two.wrong", "nonsense"]
)
def test_the_same_work_is_done_for_every_header(
    monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    """One hash and two comparisons of 32 bytes, whether or not there is such an id or secret."""
    compared: list[tuple[int, int]] = []
    hashed: list[int] = []

    def counting_compare(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return hmac.compare_digest(a, b)

    def counting_hash(data: bytes) -> Any:
        hashed.append(len(data))
        return hashlib.sha256(data)

    monkeypatch.setattr(keys, "compare_digest", counting_compare)
    monkeypatch.setattr(keys, "sha256", counting_hash)
    KEYS.verify(header)

    assert (compared, len(hashed)) == ([(32, 32), (32, 32)], 1)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (b"", ["the file: Invalid JSON"]),
        (b"[]", ["the file: "]),
        (b'{"keys": [], "more": 1}', ["more: Extra inputs"]),
        (
            file_of({"id": "a.b", "sha256": ["zz"], "scopes": ["all"], "note": "x"}),
            ["keys[0].id: ", "keys[0].sha256[0]: ", "keys[0].scopes[0]: ", "keys[0].note: Extra"],
        ),
        (
            file_of({**ONE, "sha256": []}, {**TWO, "sha256": ["0" * 64] * 3, "scopes": []}),
            ["keys[0].sha256: ", "keys[1].sha256: ", "keys[1].scopes: "],
        ),
        (file_of(ONE, {**TWO, "id": "one"}), ["id one: is there twice"]),
        (file_of(ONE, {**ONE, "id": "1"}), [f"sha256 {hash_secret(OTHER)[:8]}...: is there twice"]),
        (
            file_of({**ONE, "events_per_second": 0, "requests_per_second": "many"}),
            ["keys[0].events_per_second: ", "keys[0].requests_per_second: "],
        ),
        (file_of({**ONE, "sha256": [hash_secret(OTHER).upper()]}), ["keys[0].sha256[0]: "]),
        (file_of({**ONE, "sha256": OTHER}), ["keys[0].sha256: "]),
    ],
)
def test_every_problem_of_a_file_is_told_and_no_part_of_it(
    text: bytes, problems: list[str]
) -> None:
    """Each by its place; what is there may be a secret in the place of its hash."""
    with pytest.raises(ConfigError) as raised:
        parse_keys(text)

    assert len(raised.value.problems) == len(problems)
    for told, problem in zip(raised.value.problems, problems, strict=True):
        assert told.startswith(problem)
        assert OTHER not in told
    assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_a_file_says_the_same_once_it_is_written() -> None:
    """What is made of it is what was read."""
    entries = parse_file(file_of(TWO, {**ONE, "requests_per_second": 2.5}))

    assert parse_file(encode_file(entries)) == entries


def test_nobody_gets_in_by_a_file_of_no_keys() -> None:
    """Closed is closed."""
    assert parse_keys(file_of()).verify(f"Bearer one.{OTHER}") is None


def test_keys_do_not_show_their_hashes() -> None:
    """Not in a traceback, nor in a log."""
    shown = f"{KEYS!r} {KEYS.by_id['one']!r}"

    assert shown.startswith("Keys(two, one)")
    assert repr(bytes.fromhex(hash_secret(OTHER)))[2:20] not in shown
    assert hash_secret(OTHER) not in shown
    assert isinstance(Keys([Entry.model_validate_json(json.dumps(ONE))]), Keys)
