"""Translate the driver's errors, which have no common base, into those of this project."""

from typing import NoReturn

from cassandra import InvalidRequest, OperationTimedOut, ReadTimeout, Unauthorized, Unavailable
from cassandra.cluster import NoHostAvailable

from shared.errors import OutcomeUnknownError, StoreUnavailableError


class ReadFailedError(StoreUnavailableError):
    """Cassandra failed at this read; it may answer other reads."""


def describe(error: BaseException) -> str:
    """Return the class and the text of an error."""
    return f"{type(error).__name__}: {error}"


def raise_read(error: Exception) -> NoReturn:
    """Raise what the failure of a read means for its caller."""
    if isinstance(error, ReadTimeout | OperationTimedOut | Unavailable | NoHostAvailable):
        raise StoreUnavailableError(f"Cassandra did not answer: {type(error).__name__}") from error
    raise ReadFailedError(describe(error)) from error


def raise_write(error: Exception) -> NoReturn:
    """Raise what the failure of a write means for its caller."""
    # With the fall-through policy, NoHostAvailable means that nothing was sent.
    if isinstance(error, Unavailable | NoHostAvailable | InvalidRequest | Unauthorized):
        raise StoreUnavailableError(describe(error)) from error
    raise OutcomeUnknownError(describe(error)) from error
