"""The shape of a cluster."""

from pathlib import Path

import pytest

from deploy.processes.errors import ServersError
from deploy.servers.cluster import Cluster, addresses


@pytest.mark.parametrize("nodes", [0, 2, 4])
def test_only_one_or_three_nodes(tmp_path: Path, nodes: int) -> None:
    """Other numbers of nodes are refused: replication would not be sound."""
    with pytest.raises(ServersError, match="use 1 or 3"):
        Cluster(tmp_path, nodes)


@pytest.mark.parametrize("prefix", ["10.0.0", "127.0", "127.0.0.1", "127.0.256", "127.a.0", ""])
def test_prefix_must_be_loopback(tmp_path: Path, prefix: str) -> None:
    """Servers without access control listen on loopback only."""
    with pytest.raises(ServersError, match="loopback prefix"):
        Cluster(tmp_path, 1, prefix)


def test_majority() -> None:
    """One replica of one and two of three must have a record."""
    assert [Cluster(Path("x"), nodes).majority for nodes in (1, 3)] == [1, 2]


def test_same_shape_is_accepted_again(tmp_path: Path) -> None:
    """Data may be used again by a cluster of the same shape."""
    for _ in range(2):
        Cluster(tmp_path / "data", 3, "127.1.1").require_same_as_before()


@pytest.mark.parametrize("other", [(1, "127.1.1"), (3, "127.1.2")])
def test_other_shape_is_refused(tmp_path: Path, other: tuple[int, str]) -> None:
    """Another number of nodes or other addresses are refused, with the remedy."""
    Cluster(tmp_path, 3, "127.1.1").require_same_as_before()
    with pytest.raises(ServersError, match=r"3 node\(s\) on 127\.1\.1\..*make clean-data"):
        Cluster(tmp_path, *other).require_same_as_before()


def test_addresses_are_joined_for_clients() -> None:
    """Clients get host:port,host:port."""
    assert addresses(["127.0.0.1", "127.0.0.2"], 19042) == "127.0.0.1:19042,127.0.0.2:19042"
