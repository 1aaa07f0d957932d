"""Say who may do what: read the key file, and tell whose key a request carries. Pure.

The file holds hashes, so whoever reads it can ask for nothing. SHA-256 is enough, and a slow hash
would only be a way to keep a node busy: those are for what people think up, and a secret here is
256 random bits, which nobody guesses at any speed.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ConfigError
from shared.model.scope import Scope

ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
"""Of a key's id. It has no dot: the first one is where the secret begins."""
MAX_SECRETS = 2
"""Live at once, so that senders can change theirs one after the other."""
_NO_DIGEST = bytes(32)
"""Stands where there is no secret: nobody knows what has this hash."""


class Entry(BaseModel):
    """A key as the file has it."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, Field(pattern=f"^{ID_PATTERN}$")]
    sha256: Annotated[
        list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]],
        Field(min_length=1, max_length=MAX_SECRETS),
    ]
    """Of its secrets, in hexadecimal, the older one first."""
    scopes: Annotated[list[Scope], Field(min_length=1)]
    events_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    requests_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Quotas of this key and of each process; without them the node's own hold."""


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    keys: list[Entry]


def parse_file(text: bytes) -> list[Entry]:
    """Return what the key file says. Raises ConfigError with every problem of it."""
    try:
        entries = _File.model_validate_json(text).keys
    except ValidationError as error:
        raise ConfigError(
            [
                f"{_place(problem['loc'])}: {problem['msg']}"
                for problem in error.errors(include_url=False, include_input=False)
            ]
        ) from None  # it may hold what should not be in a log
    problems = [
        *(f"id {name}: is there twice" for name in _repeated(entry.id for entry in entries)),
        *(
            f"sha256 {digest[:8]}...: is there twice"
            for digest in _repeated(digest for entry in entries for digest in entry.sha256)
        ),
    ]
    if problems:
        raise ConfigError(problems)
    return entries


def encode_file(entries: Iterable[Entry]) -> bytes:
    """Return the key file that says *entries*."""
    keys = [entry.model_dump(mode="json", exclude_none=True) for entry in entries]
    return json.dumps({"keys": keys}, indent=2).encode() + b"\n"


def hash_secret(secret: str) -> str:
    """Return what the file holds of *secret*."""
    return sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """Who asks, what for, and how much of it per second; None: as the node has it."""

    id: str
    digests: tuple[bytes, bytes] = field(repr=False)
    scopes: frozenset[str]
    events_per_second: float | None = None
    requests_per_second: float | None = None


_NOBODY = Key("", (_NO_DIGEST, _NO_DIGEST), frozenset())


class Keys:
    """The keys of a file."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.by_id: Mapping[str, Key] = {entry.id: _key(entry) for entry in entries}

    def __repr__(self) -> str:
        return f"Keys({', '.join(self.by_id)})"

    def verify(self, authorization: str) -> Key | None:
        """Return whose ``Bearer <id>.<secret>`` it is; None where it is nobody's.

        Whatever it is, one hash is made and two are compared, in constant time and to the end:
        the time tells neither whether there is such an id, nor how many secrets it has.
        """
        scheme, _, token = authorization.partition(" ")
        name, _, secret = token.partition(".")
        key = self.by_id.get(name, _NOBODY)
        # A header may hold bytes of no encoding, which are surrogates by now.
        digest = sha256(secret.encode(errors="surrogatepass")).digest()
        older, newer = key.digests
        found = compare_digest(digest, older) | compare_digest(digest, newer)
        return key if found and key is not _NOBODY and scheme.lower() == "bearer" else None


def parse_keys(text: bytes) -> Keys:
    """Return the keys of a key file. Raises ConfigError with every problem of it."""
    return Keys(parse_file(text))


def _key(entry: Entry) -> Key:
    older, newer, *_ = [*map(bytes.fromhex, entry.sha256), _NO_DIGEST]
    return Key(
        entry.id,
        (older, newer),
        frozenset(map(str, entry.scopes)),
        entry.events_per_second,
        entry.requests_per_second,
    )


def _place(location: tuple[int | str, ...]) -> str:
    """Return where a problem is, as ``keys[2].scopes[0]``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".") or "the file"


def _repeated(texts: Iterable[str]) -> list[str]:
    return [text for text, times in Counter(texts).items() if times > 1]
