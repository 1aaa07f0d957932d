"""What heals by itself, and what does not: the errors of TLS and of the driver."""

import ssl

import pytest
from cassandra import AuthenticationFailed, OperationTimedOut
from cassandra.cluster import NoHostAvailable

from shared.cassandra.access import NotTrustedError, denial
from shared.security.tls import refusal

BAD = 'Failed to authenticate to a:1: code=0100 [Bad credentials] message="{}"'


@pytest.mark.parametrize(
    ("error", "healing"),
    [
        (AuthenticationFailed(BAD.format("Provided username a and/or password are incorrect")), 0),
        (AuthenticationFailed("Remote end requires authentication"), 0),
        (NotTrustedError("a:1: its certificate is refused: certificate has expired"), 0),
        (AuthenticationFailed(BAD.format("Unable to perform authentication: timed out")), 1),
        (OperationTimedOut(), 1),
        (ConnectionRefusedError(), 1),
    ],
)
def test_a_node_that_does_not_know_us_ends_the_start_at_once(
    error: Exception, healing: int
) -> None:
    """One that cannot look us up, or is not there, is asked again; the list of nodes is read."""
    found = denial(NoHostAvailable("Unable to connect to any servers", {"a:1": error}))
    assert (found is None) == bool(healing)
    assert healing or found == str(error)


def test_a_list_of_addresses_instead_of_errors_says_nothing() -> None:
    """The driver gives one where all of its pools have failed."""
    assert denial(NoHostAvailable("Unable to connect to any servers", ["a"])) is None


def test_a_connection_that_breaks_in_a_handshake_may_be_well_the_next_time() -> None:
    """A server that ends does that; a certificate stays what it is."""
    assert refusal(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")) is None
    assert refusal(ConnectionResetError()) is None
    wrong = ssl.SSLError(1, "wrong version number")
    assert "wrong version number" in (refusal(wrong) or "")
