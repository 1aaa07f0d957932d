"""Errors of TLS and of the driver: temporary, or a denial that ends the start."""

import ssl

import pytest
from cassandra import AuthenticationFailed, OperationTimedOut
from cassandra.cluster import NoHostAvailable

from shared.cassandra.authentication import denial_of
from shared.cassandra.loop_connection import NotTrustedError
from shared.security.tls import trust_failure

BAD = 'Failed to authenticate to a:1: code=0100 [Bad credentials] message="{}"'


@pytest.mark.parametrize(
    ("error", "temporary"),
    [
        (AuthenticationFailed(BAD.format("Provided username a and/or password are incorrect")), 0),
        (AuthenticationFailed("Remote end requires authentication"), 0),
        (NotTrustedError("a:1: its certificate is refused: certificate has expired"), 0),
        (AuthenticationFailed(BAD.format("Unable to perform authentication: timed out")), 1),
        (OperationTimedOut(), 1),
        (ConnectionRefusedError(), 1),
    ],
)
def test_a_node_that_denies_access_ends_the_start_at_once(error: Exception, temporary: int) -> None:
    """An unreachable node, or one that cannot authenticate anyone now, is tried again."""
    found = denial_of(NoHostAvailable("Unable to connect to any servers", {"a:1": error}))
    assert (found is None) == bool(temporary)
    assert temporary or found == str(error)


def test_a_list_of_addresses_instead_of_errors_is_not_a_denial() -> None:
    """The driver raises it with a list when all of its pools have failed."""
    assert denial_of(NoHostAvailable("Unable to connect to any servers", ["a"])) is None


def test_a_connection_that_breaks_in_a_handshake_is_not_a_denial() -> None:
    """A server that stops breaks it, and is tried again; a wrong certificate is a denial."""
    assert trust_failure(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")) is None
    assert trust_failure(ConnectionResetError()) is None
    wrong = ssl.SSLError(1, "wrong version number")
    assert "wrong version number" in (trust_failure(wrong) or "")
