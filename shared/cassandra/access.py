"""How Cassandra knows us and we know Cassandra, and what it means when one does not."""

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
from shared.security.tls import refusal

_NOT_KNOWN = "Unable to perform authentication"
"""Cassandra's word when it cannot read its own roles just now."""


class NotTrustedError(Exception):
    """A node's side of TLS is not one that we accept."""


class TlsConnection(LibevConnection):  # type: ignore[misc] # the driver has no types
    """The driver's connection; why there is no TLS is not lost on its way up.

    The driver makes all of a socket's errors one error of its own.
    """

    def _initiate_connection(self, sockaddr: Any) -> None:
        try:
            super()._initiate_connection(sockaddr)
        except ssl.SSLError as error:
            if reason := refusal(error):
                self._socket.close()
                raise NotTrustedError(f"{self.endpoint}: {reason}") from error
            raise


def credentials(config: CassandraConfig) -> PlainTextAuthProvider | None:
    """Return who we are, None if we need not say so."""
    if config.username is None or config.password is None:
        return None
    return PlainTextAuthProvider(config.username, config.password.get_secret_value())


@contextmanager
def quiet_driver() -> Iterator[None]:
    """Keep back what the driver says of a first connection: its caller says it in one line."""
    logger = logging.getLogger("cassandra.cluster")

    def keep_back(_: logging.LogRecord) -> bool:
        return False

    logger.addFilter(keep_back)
    try:
        yield
    finally:
        logger.removeFilter(keep_back)


def denial(error: BaseException) -> str | None:
    """Return why connecting will not succeed later either; None if it may."""
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
