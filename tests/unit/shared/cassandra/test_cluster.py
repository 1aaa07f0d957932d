"""How the driver connects."""

import socket
import sys

import pytest

from shared.cassandra.cluster import build_cluster
from shared.config import CassandraConfig


def test_no_request_waits_for_an_acknowledgement() -> None:
    """The driver sends a large request in pieces; without this each waits for the one before."""
    cluster = build_cluster(CassandraConfig(contact_points="127.0.0.1"))
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in cluster.sockopts


def test_the_drivers_thread_does_not_wait_long_for_the_interpreter() -> None:
    """With 5 ms it sends nothing while the event loop is busy."""
    sys.setswitchinterval(0.005)
    build_cluster(CassandraConfig(contact_points="127.0.0.1"))
    assert sys.getswitchinterval() == pytest.approx(0.0005)
