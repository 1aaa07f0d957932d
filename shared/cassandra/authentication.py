"""Authenticate to Cassandra, check its certificate, and recognise errors that will not go away."""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cassandra import AuthenticationFailed
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import NoHostAvailable
from cassandra.io.libevreactor import LibevConnection

from shared.config import CassandraConfig
from shared.security.tls import trust_failure

_NOT_KNOWN = "Unable to perform authentication"
"""Cassandra's message when it cannot read its roles for the moment."""


class NotTrustedError(Exception):
    """A node's certificate, or its TLS, is not acceptable."""


class TlsConnection(LibevConnection):  # type: ignore[misc] # the driver has no types
    """The driver's connection; it keeps the reason of a TLS failure.

    The driver itself turns all errors of a socket into one error without a reason.
    """

    def _initiate_connection(self, sockaddr: Any) -> None:
        try:
            super()._initiate_connection(sockaddr)
        except ssl.SSLError as error:
            if reason := trust_failure(error):
                self._socket.close()
                raise NotTrustedError(f"{self.endpoint}: {reason}") from error
            raise


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
