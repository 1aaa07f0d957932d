"""The settings of TLS and of our accounts, from environment variables.

A secret comes from its variable, or from the file that ``..._FILE`` names. It is a ``SecretStr``,
which prints as stars.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigError
from shared.security.tls import ServerFiles, client_context

_MAX_SECRET_CHARS = 4096


def read_secret(settings: Any, prefix: str, name: str) -> Any:
    """Return *settings* with the secret *name* from its file, if it has one."""
    file = settings.get(f"{name}_file") if isinstance(settings, dict) else None
    if not file:
        return settings
    variable = f"{prefix}{name}".upper()
    if settings.get(name):
        raise ValueError(f"{variable}, {variable}_FILE: give one of them")
    try:
        text = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ValueError(f"{variable}_FILE: {file}: {reason}") from error
    if not 0 < len(text) <= _MAX_SECRET_CHARS:
        raise ValueError(f"{variable}_FILE: {file}: holds no secret")
    return {**settings, name: text}


def _check(ca_file: Path | None, variable: str) -> list[str]:
    """Return the problems of a file of certificate authorities."""
    try:
        client_context(ca_file)
    except ConfigError as error:
        return [f"{variable}: {problem}" for problem in error.problems]
    return []


def _report(problems: list[str]) -> None:
    if problems:
        raise ValueError("\n".join(problems))


class TlsConfig(BaseSettings):
    """The certificate of all our ports, and the authorities for our HTTP requests (``TLS_*``)."""

    model_config = SettingsConfigDict(env_prefix="TLS_", frozen=True, hide_input_in_errors=True)

    certificate_file: Path | None = None
    """PEM: the certificate, then the chain below it. Read again at SIGHUP, as is its key."""
    private_key_file: Path | None = None
    ca_file: Path | None = None
    """The authorities that certify other nodes; if given, a node scrapes them over https."""

    @property
    def server_files(self) -> ServerFiles | None:
        """The certificate and its key; None: HTTP without TLS."""
        if self.certificate_file is None or self.private_key_file is None:
            return None
        return ServerFiles(self.certificate_file, self.private_key_file)

    @model_validator(mode="after")
    def _usable(self) -> Self:
        problems = [] if self.ca_file is None else _check(self.ca_file, "TLS_CA_FILE")
        if (self.certificate_file is None) != (self.private_key_file is None):
            problems.append("TLS_CERTIFICATE_FILE, TLS_PRIVATE_KEY_FILE: give both, or none")
        if (files := self.server_files) is not None:
            try:
                files.expires_at()
            except ConfigError as error:
                problems += error.problems
        _report(problems)
        return self


class KafkaSecurity(BaseSettings):
    """TLS to Kafka, and our account there (``KAFKA_*``)."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", frozen=True, hide_input_in_errors=True)

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    ca_file: Path | None = None
    """PEM; without it we trust the system's authorities."""
    sasl_username: str | None = None
    """The mechanism is SCRAM-SHA-512."""
    sasl_password: SecretStr | None = None
    sasl_password_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _password(cls, settings: Any) -> Any:
        return read_secret(settings, "KAFKA_", "sasl_password")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        problems = []
        named = bool(self.sasl_username or self.sasl_password)
        if self.security_protocol == "SASL_SSL":
            if not (self.sasl_username and self.sasl_password):
                problems.append("KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: SASL_SSL needs both")
        elif named:
            # Else a forgotten setting would send the password unencrypted.
            problems.append("KAFKA_SECURITY_PROTOCOL: a user name needs SASL_SSL")
        if self.security_protocol != "PLAINTEXT":
            problems += _check(self.ca_file, "KAFKA_CA_FILE")
        elif self.ca_file is not None and not named:
            problems.append("KAFKA_SECURITY_PROTOCOL: a KAFKA_CA_FILE needs SSL or SASL_SSL")
        _report(problems)
        return self


class CassandraSecurity(BaseSettings):
    """TLS to Cassandra, and our account there (``CASSANDRA_*``)."""

    model_config = SettingsConfigDict(
        env_prefix="CASSANDRA_", frozen=True, hide_input_in_errors=True
    )

    ca_file: Path | None = None
    """PEM; we use TLS if it is given, and only then."""
    check_hostname: bool = True
    """Switch it off where the nodes' certificates do not name their addresses. Then every holder
    of a certificate of that authority is accepted as a node."""
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _password(cls, settings: Any) -> Any:
        return read_secret(settings, "CASSANDRA_", "password")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        problems = [] if self.ca_file is None else _check(self.ca_file, "CASSANDRA_CA_FILE")
        if bool(self.username) != bool(self.password):
            problems.append("CASSANDRA_USERNAME, CASSANDRA_PASSWORD: give both, or none")
        _report(problems)
        return self
