"""Authorities and certificates of a test's own, as files."""

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
"""When a certificate that was ``expired`` ended."""


class Authority:
    """Whoever signs the certificates that a test believes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(self.file)

    @property
    def text(self) -> str:
        """Its own certificate."""
        return self.file.read_text()

    def issue(self, name: str, *hosts: str, expired: bool = False) -> tuple[Path, Path]:
        """Return files with a certificate for *hosts* and its key, called *name*."""
        made = self._ca.issue_cert(
            *hosts,
            not_before=LONG_AGO - dt.timedelta(days=1) if expired else None,
            not_after=LONG_AGO if expired else None,
        )
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate.write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
        made.private_key_pem.write_to_path(key)
        return certificate, key

    def issue_text(self, name: str, *hosts: str) -> str:
        """Return key and certificate in one, the key in PKCS 8, as Java wants them."""
        certificate, key = self.issue(name, *hosts)
        loaded = load_pem_private_key(key.read_bytes(), None)
        pem = loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pem.decode() + certificate.read_text()

    def context(self) -> ssl.SSLContext:
        """Return what a client believes that believes this authority alone."""
        return ssl.create_default_context(cafile=self.file)

    def server_context(self, certificate: Path, key: Path) -> ssl.SSLContext:
        """Return what a server shows."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        return context
