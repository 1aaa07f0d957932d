"""The key file, and the API key of a request."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.auth import api_keys
from shared.auth.api_keys import (
    ApiKeys,
    KeyEntry,
    encode_key_file,
    hash_secret,
    parse_api_keys,
    parse_key_file,
)
from shared.errors import ConfigError

OLD, NEW, OTHER = "old-secret", "new-secret", "other.secret"
TWO = {"id": "two", "sha256": [hash_secret(OLD), hash_secret(NEW)], "scopes": ["ingest"]}
ONE = {"id": "one", "sha256": [hash_secret(OTHER)], "scopes": ["ingest", "query"]}


def file_of(*entries: dict[str, Any]) -> bytes:
    """Return a key file."""
    return json.dumps({"keys": entries}).encode()


KEYS = parse_api_keys(file_of({**TWO, "events_per_second": 10, "requests_per_second": 0.5}, ONE))


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
def test_a_header_is_valid_for_one_key_or_for_none(header: str, name: str | None) -> None:
    """The scheme in any case, the rest exactly; a hash does not work as a secret."""
    key = KEYS.verify(header)
    assert (key.id if key else None) == name


def test_an_api_key_has_the_scopes_and_quotas_of_the_file() -> None:
    """None where the file has no quota."""
    two, one = KEYS.by_id["two"], KEYS.by_id["one"]
    assert (two.scopes, two.events_per_second, two.requests_per_second) == (
        frozenset({"ingest"}),
        10,
        0.5,
    )
    assert (one.scopes, one.events_per_second) == (frozenset({"ingest", "query"}), None)


def near(header: str) -> st.SearchStrategy[str]:
    """Return headers that differ from *header* in one place."""
    at = st.integers(0, len(header))
    return st.builds(lambda i, j, text: header[:i] + text + header[j:], at, at, st.text(max_size=3))


VALID = [f"Bearer two.{OLD}", f"Bearer two.{NEW}", f"Bearer one.{OTHER}"]


@given(st.one_of(st.text(), *map(near, VALID)))
def test_only_a_valid_header_passes(header: str) -> None:
    """Only an id with its secret is valid, and no text raises."""
    scheme, space, token = header.partition(" ")
    valid = f"{scheme.lower().capitalize()}{space}{token}" in VALID and scheme.isascii()

    assert (KEYS.verify(header) is not None) == valid


@pytest.mark.parametrize(
    "header", [*VALID, "Bearer one.wrong", "Bearer nobody.wrong", "Bearer two.wrong", "nonsense"]
)
def test_every_header_costs_the_same_work(monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    """One hash and two comparisons of 32 bytes, whether or not the id and the secret exist."""
    compared: list[tuple[int, int]] = []
    hashed: list[int] = []

    def counting_compare(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return hmac.compare_digest(a, b)

    def counting_hash(data: bytes) -> Any:
        hashed.append(len(data))
        return hashlib.sha256(data)

    monkeypatch.setattr(api_keys, "compare_digest", counting_compare)
    monkeypatch.setattr(api_keys, "sha256", counting_hash)
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
        (file_of(ONE, {**TWO, "id": "one"}), ["id one: occurs twice"]),
        (file_of(ONE, {**ONE, "id": "1"}), [f"sha256 {hash_secret(OTHER)[:8]}...: occurs twice"]),
        (
            file_of({**ONE, "events_per_second": 0, "requests_per_second": "many"}),
            ["keys[0].events_per_second: ", "keys[0].requests_per_second: "],
        ),
        (file_of({**ONE, "sha256": [hash_secret(OTHER).upper()]}), ["keys[0].sha256[0]: "]),
        (file_of({**ONE, "sha256": OTHER}), ["keys[0].sha256: "]),
    ],
)
def test_every_problem_of_a_file_is_reported_without_quoting_it(
    text: bytes, problems: list[str]
) -> None:
    """Each with its place; the value there may be a secret instead of its hash."""
    with pytest.raises(ConfigError) as raised:
        parse_api_keys(text)

    assert len(raised.value.problems) == len(problems)
    for reported, problem in zip(raised.value.problems, problems, strict=True):
        assert reported.startswith(problem)
        assert OTHER not in reported
    assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_an_encoded_file_parses_to_the_same_entries() -> None:
    """Nothing is lost or added."""
    entries = parse_key_file(file_of(TWO, {**ONE, "requests_per_second": 2.5}))

    assert parse_key_file(encode_key_file(entries)) == entries


def test_a_file_without_keys_lets_no_request_in() -> None:
    """The node is closed, not open."""
    assert parse_api_keys(file_of()).verify(f"Bearer one.{OTHER}") is None


def test_api_keys_do_not_show_their_hashes() -> None:
    """Neither in a traceback nor in a log."""
    shown = f"{KEYS!r} {KEYS.by_id['one']!r}"

    assert shown.startswith("ApiKeys(two, one)")
    assert repr(bytes.fromhex(hash_secret(OTHER)))[2:20] not in shown
    assert hash_secret(OTHER) not in shown
    assert isinstance(ApiKeys([KeyEntry.model_validate_json(json.dumps(ONE))]), ApiKeys)
