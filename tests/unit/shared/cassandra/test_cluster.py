"""How the driver connects."""

import socket

from shared.cassandra.cluster import build_cluster
from shared.config import CassandraConfig


def test_no_request_waits_for_an_acknowledgement() -> None:
    """The driver sends a large request in pieces; without this each waits for the one before."""
    cluster = build_cluster(CassandraConfig(contact_points="127.0.0.1"))
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in cluster.sockopts
