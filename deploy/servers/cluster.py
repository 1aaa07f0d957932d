"""The shape of a local cluster: number of nodes, addresses, folders, durability."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from deploy.processes.errors import ServersError
from deploy.servers.profile import FRUGAL, Profile
from deploy.servers.security import Security

_SIZES = (1, 3)
_SHAPE_FILE = "cluster.json"


class CommitLog(StrEnum):
    """When Cassandra acknowledges a write: after it is on disk, or up to 10 s before."""

    GROUP = "group"
    # Unsafe; for fault tests that show why. The log is compressed, so that a kill -9 loses up to
    # 10 s of acknowledged writes (without compression only 0.1 s).
    PERIODIC = "periodic"


@dataclass(frozen=True, slots=True)
class Cluster:
    """*nodes* brokers and as many Cassandra nodes; those with number N listen on ``prefix.N``."""

    directory: Path
    nodes: int = 1
    prefix: str = "127.0.0"
    commit_log: CommitLog = CommitLog.GROUP
    profile: Profile = FRUGAL
    security: Security | None = None

    def __post_init__(self) -> None:
        # JVMs run in other working folders, so the path must be absolute.
        object.__setattr__(self, "directory", self.directory.resolve())
        if self.nodes not in _SIZES:
            raise ServersError(f"{self.nodes} nodes are not supported: use 1 or 3")
        parts = self.prefix.split(".")
        if parts[0] != "127" or len(parts) != 3 or not all(_is_octet(part) for part in parts):  # noqa: PLR2004
            raise ServersError(
                f"{self.prefix!r} is not a loopback prefix: use three numbers such as 127.0.0",
            )

    @property
    def numbers(self) -> range:
        """The numbers of the nodes, starting at 1."""
        return range(1, self.nodes + 1)

    @property
    def majority(self) -> int:
        """The number of replicas that must have a record before it is acknowledged."""
        return self.nodes // 2 + 1

    def host(self, number: int) -> str:
        """Return the address of broker *number* and Cassandra node *number*."""
        return f"{self.prefix}.{number}"

    def folder(self, name: str) -> Path:
        """Return the folder with the configuration, data and log of server *name*."""
        return self.directory / name

    def require_same_as_before(self) -> None:
        """Raise ServersError if the folder has data of another shape: it would start, then fail."""
        file = self.directory / _SHAPE_FILE
        shape = {"nodes": self.nodes, "prefix": self.prefix}
        if not file.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(shape))
            return
        before = json.loads(file.read_text())
        if before != shape:
            raise ServersError(
                f"{self.directory} holds the data of {before['nodes']} node(s) on "
                f"{before['prefix']}.*, not of {self.nodes} on {self.prefix}.*: "
                "start the same cluster as before, or remove the data (`make clean-data`)",
            )


def addresses(hosts: Iterable[str], port: int) -> str:
    """Join *hosts* as clients expect them: ``host:port,host:port``."""
    return ",".join(f"{host}:{port}" for host in hosts)


def _is_octet(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 256  # noqa: PLR2004
