"""An event as a sender reports it: a domain, what happened to its mail, how often, and a key."""

import re
from enum import StrEnum

import msgspec

from shared.errors import InvalidEventError
from shared.model.domain import DomainName
from shared.problems import Problem

MAX_COUNT = 1_000_000
MAX_IDEMPOTENCY_KEY_LENGTH = 255

IDEMPOTENCY_KEY_PATTERN = f"[!-~]{{1,{MAX_IDEMPOTENCY_KEY_LENGTH}}}"

_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY_PATTERN)


class EventKind(StrEnum):
    """What happened to a message."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"


class Event(msgspec.Struct, frozen=True, gc=False):
    """``count`` outcomes of one kind at one domain.

    ``idempotency_key`` is optional; the sender keeps it unique per domain and kind.
    """

    domain: DomainName
    kind: EventKind
    count: int = 1
    idempotency_key: str | None = None


def parse_kind(text: str) -> EventKind:
    """Return the kind that *text* names; raise InvalidEventError for any other."""
    try:
        return EventKind(text)
    except ValueError as error:
        raise InvalidEventError(Problem.UNKNOWN_EVENT) from error


def parse_count(count: int) -> int:
    """Return *count* if one event may have it; raise InvalidEventError if not."""
    if not 1 <= count <= MAX_COUNT:
        raise InvalidEventError(Problem.INVALID_COUNT, max_count=MAX_COUNT)
    return count


def parse_idempotency_key(text: str) -> str:
    """Return *text* if it is a valid idempotency key; raise InvalidEventError if not."""
    if _IDEMPOTENCY_KEY.fullmatch(text) is None:
        raise InvalidEventError(Problem.INVALID_KEY, max_key_length=MAX_IDEMPOTENCY_KEY_LENGTH)
    return text
