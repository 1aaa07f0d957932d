"""The settings of certificates and secrets; secrets stay secret."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from shared.config import CassandraConfig, EnvironmentReader, KafkaConfig
from shared.errors import ConfigError
from shared.kafka.client import client_arguments
from shared.security.config import TlsConfig
from tests.servers.certificates import LONG_AGO, Authority

SECRET = "hush-hush"  # noqa: S105 it is looked for everywhere
Settings = type[KafkaConfig] | type[CassandraConfig] | type[TlsConfig]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the machine's own variables."""
    for name in list(os.environ):
        if name.startswith(("KAFKA_", "CASSANDRA_", "TLS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka")
    monkeypatch.setenv("CASSANDRA_CONTACT_POINTS", "cassandra")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority with a server's certificate, one of another, and an expired one."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.issue("good", "127.0.0.1")
    authority.issue("other", "127.0.0.1")
    authority.issue("old", "127.0.0.1", expired=True)
    return authority


def problems(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, environment: Mapping[str, object]
) -> list[str]:
    """Return the problems that are reported for *environment*."""
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    read = EnvironmentReader()
    read(settings)
    with pytest.raises(ConfigError) as caught:
        read.check()
    assert SECRET not in str(caught.value)
    return caught.value.problems


@pytest.mark.parametrize(
    ("settings", "environment", "problem"),
    [
        (KafkaConfig, {"KAFKA_SECURITY_PROTOCOL": "SASL"}, "KAFKA_SECURITY_PROTOCOL: "),
        (KafkaConfig, {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME, "),
        (
            KafkaConfig,
            {"KAFKA_SASL_USERNAME": "worker", "KAFKA_SASL_PASSWORD": SECRET},
            "KAFKA_SECURITY_PROTOCOL: a user name needs SASL_SSL",
        ),
        (
            KafkaConfig,
            {"KAFKA_SASL_PASSWORD": SECRET, "KAFKA_SASL_PASSWORD_FILE": "/dev/null"},
            "KAFKA_SASL_PASSWORD, KAFKA_SASL_PASSWORD_FILE: give one of them",
        ),
        (
            KafkaConfig,
            {"KAFKA_SASL_PASSWORD_FILE": "/dev/null"},
            "KAFKA_SASL_PASSWORD_FILE: /dev/null: holds no secret",
        ),
        (
            KafkaConfig,
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_CA_FILE": "/nowhere"},
            "KAFKA_CA_FILE: /nowhere: No such file or directory",
        ),
        (
            KafkaConfig,
            {"KAFKA_CA_FILE": "/nowhere"},
            "KAFKA_SECURITY_PROTOCOL: a KAFKA_CA_FILE needs SSL or SASL_SSL",
        ),
        (
            CassandraConfig,
            {"CASSANDRA_USERNAME": "worker"},
            "CASSANDRA_USERNAME, CASSANDRA_PASSWORD: give both, or none",
        ),
        (
            CassandraConfig,
            {"CASSANDRA_PASSWORD_FILE": "/nowhere"},
            "CASSANDRA_PASSWORD_FILE: /nowhere: No such file or directory",
        ),
        (
            CassandraConfig,
            {"CASSANDRA_CA_FILE": "/dev/null"},
            "CASSANDRA_CA_FILE: /dev/null: no certificate or crl found",
        ),
        (
            TlsConfig,
            {"TLS_CERTIFICATE_FILE": "{}/good.pem"},
            "TLS_CERTIFICATE_FILE, TLS_PRIVATE_KEY_FILE: give both, or none",
        ),
        (
            TlsConfig,
            {"TLS_CERTIFICATE_FILE": "{}/none.pem", "TLS_PRIVATE_KEY_FILE": "{}/good.key"},
            "TLS_CERTIFICATE_FILE: {}/none.pem: No such file or directory",
        ),
        (
            TlsConfig,
            {"TLS_CERTIFICATE_FILE": "{}/good.pem", "TLS_PRIVATE_KEY_FILE": "{}/other.key"},
            "TLS_CERTIFICATE_FILE, TLS_PRIVATE_KEY_FILE: {}/other.key is not the key of ",
        ),
        (
            TlsConfig,
            {"TLS_CERTIFICATE_FILE": "{}/old.pem", "TLS_PRIVATE_KEY_FILE": "{}/old.key"},
            "TLS_CERTIFICATE_FILE: {}/old.pem: certificate has expired",
        ),
        (TlsConfig, {"TLS_CA_FILE": "/nowhere"}, "TLS_CA_FILE: /nowhere: No such file"),
    ],
)
def test_an_impossible_setting_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    authority: Authority,
    settings: Settings,
    environment: Mapping[str, str],
    problem: str,
) -> None:
    """It names the variable and never a secret."""
    folder = authority.file.parent
    placed = {name: value.format(folder) for name, value in environment.items()}
    (line,) = problems(monkeypatch, settings, placed)
    assert line.startswith(problem.format(folder))


def test_the_expiry_of_a_certificate_is_known(authority: Authority) -> None:
    """The pair works, and expires later than the expired one."""
    folder = authority.file.parent
    files = TlsConfig(
        certificate_file=folder / "good.pem", private_key_file=folder / "good.key"
    ).server_files
    assert files is not None
    assert files.expires_at() > LONG_AGO.timestamp()


def test_a_key_with_a_password_is_refused_without_a_prompt(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path
) -> None:
    """OpenSSL alone would prompt on the terminal and wait."""
    certificate, key = authority.issue("locked", "127.0.0.1")
    locked = tmp_path / "locked.key"
    plain = load_pem_private_key(key.read_bytes(), None)
    encryption = BestAvailableEncryption(SECRET.encode())
    locked.write_bytes(plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    pair = {"TLS_CERTIFICATE_FILE": certificate, "TLS_PRIVATE_KEY_FILE": locked}
    (line,) = problems(monkeypatch, TlsConfig, pair)
    assert "no certificate and plain key" in line


def test_a_secret_comes_from_a_file_and_prints_as_stars(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path
) -> None:
    """The end of the line is not part of it; only the client gets it in plain text."""
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_CA_FILE", str(authority.file))
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "worker")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD_FILE", str(file))
    monkeypatch.setenv("CASSANDRA_USERNAME", "worker")
    monkeypatch.setenv("CASSANDRA_PASSWORD", SECRET)
    read = EnvironmentReader()
    kafka, cassandra = read(KafkaConfig), read(CassandraConfig)
    read.check()

    arguments = client_arguments(kafka)
    assert arguments["sasl_plain_password"] == SECRET
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert cassandra.password is not None
    assert cassandra.password.get_secret_value() == SECRET
    for settings in (kafka, cassandra):
        assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
