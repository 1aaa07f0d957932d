"""Make the two sides of TLS: what we show to clients, and whom we believe.

Nothing below TLS 1.2, and no certificate without its name, unless a setting says so.
"""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigError

_RECORDS = 10
"""A handshake takes two each way; more would be a defect of ours."""
_ENDLESS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def client_context(ca_file: Path | None, *, check_hostname: bool = True) -> ssl.SSLContext:
    """Return what a client believes: *ca_file* alone, or the system's authorities if there is none.

    Raises ConfigError.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise ConfigError([f"{ca_file}: {_reason(error)}"]) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = check_hostname
    return context


def refusal(error: BaseException) -> str | None:
    """Return what is wrong with the other side for good; None if it may be well the next time."""
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
        """Let *context* show them from its next handshake on. Raises ConfigError.

        After that it may be good for nothing: try a fresh one first.
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
            # Without a password of ours OpenSSL would ask the terminal for one.
            context.load_cert_chain(self.certificate, self.private_key, password="")
        except (ssl.SSLError, ValueError) as error:
            if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
                problem = f"{self.private_key} is not the key of {self.certificate}"
            else:
                problem = f"no certificate and plain key in {self.certificate}, {self.private_key}"
            raise ConfigError([f"TLS_CERTIFICATE_FILE, TLS_PRIVATE_KEY_FILE: {problem}"]) from error

    def expires_at(self) -> float:
        """Return until when the pair is good, in seconds since 1970. Raises ConfigError.

        The pair is tried: we shake hands with ourselves, in memory, trusting the file itself.
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
    """Return a context for a server, which has no certificate yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _shake(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, object]:
    """Return the certificate of *server* as *client* sees and believes it. Raises SSLError."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = server.wrap_bio(there, back, server_side=True)
    asking = client.wrap_bio(back, there)
    for _ in range(_RECORDS):
        with suppress(ssl.SSLWantReadError):
            asking.do_handshake()
            return dict(asking.getpeercert() or {})
        with suppress(ssl.SSLWantReadError):
            serving.do_handshake()
    raise ssl.SSLError("the handshake does not end")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        # Only one of OpenSSL's own has a reason.
        return (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
