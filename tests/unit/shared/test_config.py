"""The settings from the environment, and how their problems are reported."""

import os

import pytest

from shared.config import (
    CassandraConfig,
    EnvironmentReader,
    KafkaConfig,
    LogConfig,
    parse_addresses,
)
from shared.errors import ConfigError

VARIABLES = ("KAFKA_", "CASSANDRA_", "LOG_")


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the machine's own variables."""
    for name in list(os.environ):
        if name.startswith(VARIABLES):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("kafka", [("kafka", 9092)]),
        ("kafka:1", [("kafka", 1)]),
        ("kafka:65535", [("kafka", 65535)]),
        ("10.0.0.1:9093, b.example", [("10.0.0.1", 9093), ("b.example", 9092)]),
        ("[::1]", [("::1", 9092)]),
        ("[2001:db8::7]:9093", [("2001:db8::7", 9093)]),
    ],
)
def test_addresses_are_hosts_and_ports(text: str, addresses: list[tuple[str, int]]) -> None:
    """A missing port is the default one; IPv6 addresses are in brackets."""
    assert parse_addresses(text, 9092) == addresses


@pytest.mark.parametrize(
    "text",
    [
        *("", ",", "a,", "a:", ":1", "[]:1", "a:0", "a:65536", "a:-1", "a:+1", "a:x", "a: 1"),
        *("::1", "2001:db8::7", "[::1", "::1]:9092", "a:b:1"),
    ],
)
def test_an_invalid_address_is_refused(text: str) -> None:
    """A port out of range, an empty host, and IPv6 without brackets are errors."""
    with pytest.raises(ValueError, match=r"is not host:port"):
        parse_addresses(text, 9092)


def test_a_group_of_settings_comes_from_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set has its default."""
    monkeypatch.setenv("CASSANDRA_CONTACT_POINTS", "a:9043,b:9043")
    monkeypatch.setenv("CASSANDRA_KEYSPACE", "mail")
    read = EnvironmentReader()
    config = read(CassandraConfig)
    read.check()
    assert config.addresses == [("a", 9043), ("b", 9043)]
    assert (config.keyspace, config.local_datacenter) == ("mail", "datacenter1")


def test_every_problem_of_every_group_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt shows the operator every mistake."""
    monkeypatch.setenv("KAFKA_REQUEST_TIMEOUT_SECONDS", "soon")
    monkeypatch.setenv("CASSANDRA_CONTACT_POINTS", "a:99999")
    monkeypatch.setenv("CASSANDRA_KEYSPACE", "Robert'); DROP TABLE")
    monkeypatch.setenv("CASSANDRA_READ_TIMEOUT_SECONDS", "0")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    read = EnvironmentReader()
    for settings in (KafkaConfig, CassandraConfig, LogConfig):
        read(settings)
    with pytest.raises(ConfigError) as refusal:
        read.check()
    assert sorted(problem.partition(":")[0] for problem in refusal.value.problems) == [
        "CASSANDRA_CONTACT_POINTS",
        "CASSANDRA_KEYSPACE",
        "CASSANDRA_READ_TIMEOUT_SECONDS",
        "KAFKA_BOOTSTRAP_SERVERS",
        "KAFKA_REQUEST_TIMEOUT_SECONDS",
        "LOG_LEVEL",
    ]
    for problem in refusal.value.problems:
        assert problem in str(refusal.value)


def test_a_problem_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report has the variable and what is wrong with it."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a,b:zero")
    read = EnvironmentReader()
    read(KafkaConfig)
    with pytest.raises(ConfigError, match=r"KAFKA_BOOTSTRAP_SERVERS: .*'b:zero' is not host:port"):
        read.check()


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "0", "3601"])
def test_timeouts_are_finite_and_positive(seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An infinite, zero or negative timeout is an error."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a")
    monkeypatch.setenv("KAFKA_REQUEST_TIMEOUT_SECONDS", seconds)
    read = EnvironmentReader()
    read(KafkaConfig)
    with pytest.raises(ConfigError, match="KAFKA_REQUEST_TIMEOUT_SECONDS"):
        read.check()


def test_a_valid_environment_has_no_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without problems the check passes."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a")
    read = EnvironmentReader()
    assert read(KafkaConfig).topic == "catchall-events"
    read.check()
