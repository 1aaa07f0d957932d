"""Parse the key file, and find the API key of a request. Pure.

The file holds hashes of secrets, so it does not give access to its reader. SHA-256 is enough: slow
hashes protect passwords that people choose, and a secret here is 256 random bits, which cannot be
guessed at any speed. A slow hash would only make it easy to keep a node busy.
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
"""An id has no dot: the secret begins after the first one."""
MAX_SECRETS = 2
"""Valid at the same time, so that senders can change their secret one after the other."""
_NO_DIGEST = bytes(32)
"""In the place of an absent secret: no text is known that has this hash."""


class KeyEntry(BaseModel):
    """An API key in the file."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, Field(pattern=f"^{ID_PATTERN}$")]
    sha256: Annotated[
        list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]],
        Field(min_length=1, max_length=MAX_SECRETS),
    ]
    """The hashes of its secrets, in hexadecimal, the older one first."""
    scopes: Annotated[list[Scope], Field(min_length=1)]
    events_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    requests_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Quotas of this key in each process; the default is the quota of the node."""


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    keys: list[KeyEntry]


def parse_key_file(text: bytes) -> list[KeyEntry]:
    """Return the entries of a key file. Raises ConfigError with every problem."""
    try:
        entries = _File.model_validate_json(text).keys
    except ValidationError as error:
        raise ConfigError(
            [
                f"{_place(problem['loc'])}: {problem['msg']}"
                for problem in error.errors(include_url=False, include_input=False)
            ]
        ) from None  # the original error may quote a secret
    problems = [
        *(f"id {name}: occurs twice" for name in _repeated(entry.id for entry in entries)),
        *(
            f"sha256 {digest[:8]}...: occurs twice"
            for digest in _repeated(digest for entry in entries for digest in entry.sha256)
        ),
    ]
    if problems:
        raise ConfigError(problems)
    return entries


def encode_key_file(entries: Iterable[KeyEntry]) -> bytes:
    """Return the key file with *entries*."""
    keys = [entry.model_dump(mode="json", exclude_none=True) for entry in entries]
    return json.dumps({"keys": keys}, indent=2).encode() + b"\n"


def hash_secret(secret: str) -> str:
    """Return the hash of *secret* that the file holds."""
    return sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A client, its scopes and its quotas; None: the quota of the node."""

    id: str
    digests: tuple[bytes, bytes] = field(repr=False)
    scopes: frozenset[str]
    events_per_second: float | None = None
    requests_per_second: float | None = None


_UNKNOWN = ApiKey("", (_NO_DIGEST, _NO_DIGEST), frozenset())


class ApiKeys:
    """The API keys of a file."""

    def __init__(self, entries: Iterable[KeyEntry]) -> None:
        self.by_id: Mapping[str, ApiKey] = {entry.id: _api_key(entry) for entry in entries}

    def __repr__(self) -> str:
        return f"ApiKeys({', '.join(self.by_id)})"

    def verify(self, authorization: str) -> ApiKey | None:
        """Return the API key of ``Bearer <id>.<secret>``; None if the header is not valid.

        It always computes one hash and compares two, in constant time. So the time does not reveal
        whether the id exists, nor how many secrets it has.
        """
        scheme, _, token = authorization.partition(" ")
        name, _, secret = token.partition(".")
        api_key = self.by_id.get(name, _UNKNOWN)
        # Bytes of a header that are not UTF-8 are surrogates here.
        digest = sha256(secret.encode(errors="surrogatepass")).digest()
        older, newer = api_key.digests
        found = compare_digest(digest, older) | compare_digest(digest, newer)
        is_valid = found and api_key is not _UNKNOWN and scheme.lower() == "bearer"
        return api_key if is_valid else None


def parse_api_keys(text: bytes) -> ApiKeys:
    """Return the API keys of a key file. Raises ConfigError with every problem."""
    return ApiKeys(parse_key_file(text))


def _api_key(entry: KeyEntry) -> ApiKey:
    older, newer, *_ = [*map(bytes.fromhex, entry.sha256), _NO_DIGEST]
    return ApiKey(
        entry.id,
        (older, newer),
        frozenset(map(str, entry.scopes)),
        entry.events_per_second,
        entry.requests_per_second,
    )


def _place(location: tuple[int | str, ...]) -> str:
    """Return the place of a problem, for example ``keys[2].scopes[0]``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".") or "the file"


def _repeated(texts: Iterable[str]) -> list[str]:
    return [text for text, times in Counter(texts).items() if times > 1]
