"""The shape of what is started: how many nodes, where, and with which promises."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from deploy.processes.errors import ServersError
from deploy.servers.profile import FRUGAL, Profile
from deploy.servers.security import Security

_SIZES = (1, 3)
_MEMORY = "cluster.json"


class CommitLog(StrEnum):
    """When Cassandra acknowledges a write: once it is on disk, or up to 10 s before."""

    GROUP = "group"
    # Compressed, so a kill -9 loses up to 10 s of acknowledged writes (else a tenth of a
    # second's): for the fault tests that show why not.
    PERIODIC = "periodic"


@dataclass(frozen=True, slots=True)
class Cluster:
    """*nodes* brokers and as many Cassandra nodes; number N listens on ``prefix.N``."""

    directory: Path
    nodes: int = 1
    prefix: str = "127.0.0"
    commit_log: CommitLog = CommitLog.GROUP
    profile: Profile = FRUGAL
    security: Security | None = None

    def __post_init__(self) -> None:
        # JVMs have working folders of their own.
        object.__setattr__(self, "directory", self.directory.resolve())
        if self.nodes not in _SIZES:
            raise ServersError(f"{self.nodes} nodes: there are clusters of 1 or of 3")
        parts = self.prefix.split(".")
        if parts[0] != "127" or len(parts) != 3 or not all(_is_octet(part) for part in parts):  # noqa: PLR2004
            raise ServersError(
                f"{self.prefix!r} is no loopback prefix: give three numbers such as 127.0.0",
            )

    @property
    def numbers(self) -> range:
        """The nodes' numbers, from 1."""
        return range(1, self.nodes + 1)

    @property
    def majority(self) -> int:
        """How many replicas must have a record before it is acknowledged."""
        return self.nodes // 2 + 1

    def host(self, number: int) -> str:
        """The address of both servers of node *number*."""
        return f"{self.prefix}.{number}"

    def folder(self, name: str) -> Path:
        """Where the server *name* keeps its configuration, data and log."""
        return self.directory / name

    def require_same_as_before(self) -> None:
        """Refuse data of a cluster of another shape, which would start and then not work."""
        memory = self.directory / _MEMORY
        shape = {"nodes": self.nodes, "prefix": self.prefix}
        if not memory.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            memory.write_text(json.dumps(shape))
            return
        before = json.loads(memory.read_text())
        if before != shape:
            raise ServersError(
                f"{self.directory} holds a cluster of {before['nodes']} node(s) on "
                f"{before['prefix']}.*, not of {self.nodes} on {self.prefix}.*: "
                "start it as it was, or remove the folder (`make clean-data`)",
            )


def addresses(hosts: Iterable[str], port: int) -> str:
    """Join *hosts* as clients want them: ``host:port,host:port``."""
    return ",".join(f"{host}:{port}" for host in hosts)


def _is_octet(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 256  # noqa: PLR2004
