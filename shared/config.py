"""Read the settings of a process from the environment, and report every problem at once."""

import re
from typing import Annotated, TypeVar, cast

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigError
from shared.model.partitioning import DEFAULT_BUCKETS
from shared.security.config import CassandraSecurity, KafkaSecurity

MAX_PORT = 65_535
Port = Annotated[int, Field(ge=1, le=MAX_PORT)]
PositiveSeconds = Annotated[float, Field(gt=0, le=3600)]
PositiveInt = Annotated[int, Field(gt=0)]
NotNegativeInt = Annotated[int, Field(ge=0)]
Address = tuple[str, int]

_ADDRESS = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:\s]+))(?::(?P<port>[0-9]{1,5}))?"
)


def parse_addresses(text: str, default_port: int) -> list[Address]:
    """Return the hosts and ports of "host:port,host,...", IPv6 in brackets."""
    addresses = []
    for part in text.split(","):
        found = _ADDRESS.fullmatch(part.strip())
        port = int(found["port"] or default_port) if found else 0
        if found is None or not 1 <= port <= MAX_PORT:
            raise ValueError(f"{part.strip()!r} is not host:port")
        addresses.append((found["ipv6"] or found["host"], port))
    return addresses


def _bootstrap_servers(text: str) -> str:
    parse_addresses(text, 9092)
    return text


def _contact_points(text: str) -> str:
    parse_addresses(text, 9042)
    return text


def _power_of_two(number: int) -> int:
    if number & (number - 1):
        raise ValueError("must be a power of two")
    return number


Buckets = Annotated[int, Field(ge=1, le=2**24), AfterValidator(_power_of_two)]


class LayoutConfig(BaseSettings):
    """How domains are divided into buckets (``CASSANDRA_BUCKETS``)."""

    model_config = SettingsConfigDict(env_prefix="CASSANDRA_", frozen=True)

    buckets: Buckets = DEFAULT_BUCKETS
    """Fixed when the keyspace is created; each tier that reads it refuses another number."""


class KafkaConfig(KafkaSecurity):
    """The addresses of Kafka and the names of our topics (``KAFKA_*``)."""

    bootstrap_servers: Annotated[str, AfterValidator(_bootstrap_servers)]
    """``host:port,host:port``."""
    topic: str = "catchall-events"
    """The topic of events. One that replaces another needs a new name: see LogRewrittenError."""
    dead_letter_topic: str = "catchall-dead-letters"
    changes_topic: str = "catchall-changes"
    """Compacted: it keeps the last status change of each domain."""
    request_timeout_seconds: PositiveSeconds = 5.0


class CassandraConfig(CassandraSecurity):
    """The addresses of Cassandra and our keyspace (``CASSANDRA_*``)."""

    contact_points: Annotated[str, AfterValidator(_contact_points)]
    """``host:port,host:port``; the port is the same for all nodes."""
    local_datacenter: str = "datacenter1"
    keyspace: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")] = "catchall"
    write_timeout_seconds: PositiveSeconds = 4.0
    """Longer than the server's ``counter_write_request_timeout`` (2 s), which answers first."""
    read_timeout_seconds: PositiveSeconds = 2.0
    connect_within_seconds: PositiveSeconds = 60.0
    """A process that cannot connect within this time at its start exits with status 1."""

    @property
    def addresses(self) -> list[Address]:
        """The contact points as hosts and ports."""
        return parse_addresses(self.contact_points, 9042)


class LogConfig(BaseSettings):
    """The settings of the log (``LOG_*``)."""

    model_config = SettingsConfigDict(env_prefix="LOG_", frozen=True)

    level: Annotated[str, Field(pattern=r"^(debug|info|warning|error)$")] = "info"


S = TypeVar("S", bound=BaseSettings)


class EnvironmentReader:
    """Reads several groups of settings and collects their problems for one report.

    ::

        read = EnvironmentReader()
        kafka, http = read(KafkaConfig), read(HttpConfig)
        read.check()     # raises ConfigError with every problem of every group
    """

    def __init__(self) -> None:
        self._problems: list[str] = []

    def __call__(self, settings: type[S]) -> S:
        """Return *settings* from the environment; after a problem the value is not valid."""
        try:
            return settings()
        except ValidationError as error:
            prefix = settings.model_config.get("env_prefix", "")
            for problem in error.errors(include_url=False, include_input=False):
                if not problem["loc"]:  # it concerns several settings and names them
                    self._problems += str(problem["ctx"]["error"]).splitlines()
                    continue
                name = prefix + "_".join(str(part) for part in problem["loc"])
                self._problems.append(f"{name.upper()}: {problem['msg']}")
            return cast(S, settings.model_construct())

    def refuse(self, problem: str) -> None:
        """Add a problem that concerns several groups of settings."""
        self._problems.append(problem)

    def check(self) -> None:
        """Raise ConfigError if any group of settings had a problem."""
        if self._problems:
            raise ConfigError(self._problems)
