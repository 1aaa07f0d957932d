"""Certificate authorities and certificates for tests, as files."""

import datetime as dt
import ssl
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
"""The expiry of a certificate issued as ``expired``."""


class Authority:
    """A certificate authority; its files are in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(self.file)

    @property
    def text(self) -> str:
        """The certificate of the authority."""
        return self.file.read_text()

    def issue(self, name: str, *hosts: str, expired: bool = False) -> tuple[Path, Path]:
        """Return the files of a certificate for *hosts* and of its key, named *name*."""
        issued = self._ca.issue_cert(
            *hosts,
            not_before=LONG_AGO - dt.timedelta(days=1) if expired else None,
            not_after=LONG_AGO if expired else None,
        )
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        return certificate, key

    def issue_text(self, name: str, *hosts: str) -> str:
        """Return key and certificate in one PEM text, the key in PKCS 8, as Java needs them."""
        certificate, key = self.issue(name, *hosts)
        loaded = load_pem_private_key(key.read_bytes(), None)
        pem = loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pem.decode() + certificate.read_text()

    def context(self) -> ssl.SSLContext:
        """Return the TLS context of a client that trusts only this authority."""
        return ssl.create_default_context(cafile=self.file)

    def server_context(self, certificate: Path, key: Path) -> ssl.SSLContext:
        """Return the TLS context of a server with this certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        return context
