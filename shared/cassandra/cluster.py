"""Configure the driver: how it connects, reads and writes."""

from functools import partial

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    TokenAwarePolicy,
)
from cassandra.query import named_tuple_factory, tuple_factory

from shared.cassandra.authentication import credentials
from shared.cassandra.loop_connection import LoopConnection
from shared.cassandra.steady_clock import use_steady_clock
from shared.config import CassandraConfig
from shared.security.tls import client_context

WRITE = "write"
"""The profile of writes: sent once, never again."""
PAGES = "pages"
"""The profile of reads that return tuples."""


def build_cluster(config: CassandraConfig) -> Cluster:
    """Return a cluster object of the driver for the running event loop, not connected yet."""
    use_steady_clock()
    balancing = TokenAwarePolicy(
        DCAwareRoundRobinPolicy(local_dc=config.local_datacenter), shuffle_replicas=False
    )
    profile = partial(
        ExecutionProfile,
        load_balancing_policy=balancing,
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
    )
    reads = profile(request_timeout=config.read_timeout_seconds, row_factory=named_tuple_factory)
    pages = profile(request_timeout=config.read_timeout_seconds, row_factory=tuple_factory)
    # The driver's default policy sends a counter update again after a lost connection.
    writes = profile(
        request_timeout=config.write_timeout_seconds,
        retry_policy=FallthroughRetryPolicy(),
        speculative_execution_policy=None,
    )
    return Cluster(
        contact_points=config.addresses,
        port=config.addresses[0][1],
        execution_profiles={EXEC_PROFILE_DEFAULT: reads, PAGES: pages, WRITE: writes},
        protocol_version=5,
        connection_class=LoopConnection.in_running_loop(),
        ssl_context=None
        if config.ca_file is None
        else client_context(config.ca_file, check_hostname=config.check_hostname),
        auth_provider=credentials(config),
        reconnection_policy=ConstantReconnectionPolicy(1.0, max_attempts=None),
        connect_timeout=2,
        control_connection_timeout=4,
        idle_heartbeat_interval=5,
        idle_heartbeat_timeout=8,
    )
