"""Build the TLS contexts of servers and clients.

Both need TLS 1.2 or later. A client checks the name in a certificate unless a setting forbids it.
"""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigError

_ROUNDS = 10
"""A handshake takes two rounds; more would be a defect here."""
_ENDLESS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def client_context(ca_file: Path | None, *, check_hostname: bool = True) -> ssl.SSLContext:
    """Return a context that trusts *ca_file* alone, or the system's authorities if it is None.

    Raises ConfigError.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise ConfigError([f"{ca_file}: {_reason(error)}"]) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = check_hostname
    return context


def trust_failure(error: BaseException) -> str | None:
    """Return why TLS with the peer will fail again; None if the next attempt may succeed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and not isinstance(error, _ENDLESS):
        return f"no TLS with it: {_reason(error)}"
    return None


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """A certificate, its chain below it, and its private key, as PEM."""

    certificate: Path
    private_key: Path

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let *context* use them from its next handshake on. Raises ConfigError.

        An error may leave *context* unusable: try a new one first.
        """
        for file, name in (
            (self.certificate, "TLS_CERTIFICATE_FILE"),
            (self.private_key, "TLS_PRIVATE_KEY_FILE"),
        ):
            try:
                file.read_bytes()
            except OSError as error:
                raise ConfigError([f"{name}: {file}: {error.strerror}"]) from error
        try:
            # Without a password argument OpenSSL would prompt on the terminal.
            context.load_cert_chain(self.certificate, self.private_key, password="")
        except (ssl.SSLError, ValueError) as error:
            if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
                problem = f"{self.private_key} is not the key of {self.certificate}"
            else:
                problem = f"no certificate and plain key in {self.certificate}, {self.private_key}"
            raise ConfigError([f"TLS_CERTIFICATE_FILE, TLS_PRIVATE_KEY_FILE: {problem}"]) from error

    def expires_at(self) -> float:
        """Return when the certificate expires, in seconds since 1970. Raises ConfigError.

        The pair is tested by a TLS handshake in memory, with a client that trusts the file itself.
        """
        server = server_context()
        self.load_into(server)
        client = client_context(self.certificate, check_hostname=False)
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            certificate = _shake(server, client)
        except ssl.SSLError as error:
            raise ConfigError(
                [f"TLS_CERTIFICATE_FILE: {self.certificate}: {_reason(error)}"]
            ) from error
        return ssl.cert_time_to_seconds(str(certificate["notAfter"]))


def server_context() -> ssl.SSLContext:
    """Return a server context without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _shake(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, object]:
    """Return the certificate of *server* that *client* has verified. Raises SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    client_side = client.wrap_bio(to_client, to_server)
    for _ in range(_ROUNDS):
        with suppress(ssl.SSLWantReadError):
            client_side.do_handshake()
            return dict(client_side.getpeercert() or {})
        with suppress(ssl.SSLWantReadError):
            server_side.do_handshake()
    raise ssl.SSLError("the handshake does not end")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        # Only errors of OpenSSL itself have a reason.
        return (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
