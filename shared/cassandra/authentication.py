"""Authenticate to Cassandra, and recognise errors that will not go away."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from cassandra import AuthenticationFailed
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import NoHostAvailable

from shared.cassandra.loop_connection import NotTrustedError
from shared.config import CassandraConfig

_NOT_KNOWN = "Unable to perform authentication"
"""Cassandra's message when it cannot read its roles for the moment."""


def credentials(config: CassandraConfig) -> PlainTextAuthProvider | None:
    """Return our credentials, None if none are configured."""
    if config.username is None or config.password is None:
        return None
    return PlainTextAuthProvider(config.username, config.password.get_secret_value())


@contextmanager
def quiet_driver() -> Iterator[None]:
    """Suppress the driver's logs of a first connection: the caller reports it in one line."""
    logger = logging.getLogger("cassandra.cluster")

    def suppress(_: logging.LogRecord) -> bool:
        return False

    logger.addFilter(suppress)
    try:
        yield
    finally:
        logger.removeFilter(suppress)


def denial_of(error: BaseException) -> str | None:
    """Return why connecting will fail later too; None if it may succeed."""
    for cause in _causes(error):
        if isinstance(cause, NotTrustedError):
            return str(cause)
        if isinstance(cause, AuthenticationFailed) and _NOT_KNOWN not in str(cause):
            return str(cause)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, NoHostAvailable):
        errors = error.errors
        yield from errors.values() if isinstance(errors, dict) else errors
