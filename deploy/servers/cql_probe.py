"""Check over CQL whether a Cassandra node is ready."""

import asyncio
from typing import Any

from cassandra import DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
)
from cassandra.policies import WhiteListRoundRobinPolicy

from deploy.processes.node import Probe
from deploy.processes.ports import Endpoint
from deploy.servers.security import CASSANDRA_ADMIN, Security

_TIMEOUT_SECONDS = 4


def probe(endpoint: Endpoint, security: Security | None = None) -> Probe:
    """Return a check: the node answers CQL, sees its peers and agrees with them on the schema."""

    async def check(members: int) -> str:
        # The driver logs a warning for each refused connection, so try a plain connection first.
        try:
            _, writer = await asyncio.open_connection(*endpoint)
        except OSError:
            return f"{endpoint} refuses connections"
        writer.close()
        # The driver's calls block.
        return await asyncio.to_thread(_check, endpoint, members, security)

    return check


def _check(endpoint: Endpoint, members: int, security: Security | None) -> str:
    access = (
        {}
        if security is None
        else {
            "ssl_context": security.context(),
            "auth_provider": PlainTextAuthProvider(CASSANDRA_ADMIN, CASSANDRA_ADMIN),
        }
    )
    cluster = Cluster(
        [endpoint.host],
        port=endpoint.port,
        # Negotiating the version would leave open sockets and warnings in the log.
        protocol_version=5,
        connect_timeout=_TIMEOUT_SECONDS,
        control_connection_timeout=_TIMEOUT_SECONDS,
        execution_profiles={
            EXEC_PROFILE_DEFAULT: ExecutionProfile(
                # Query this node only.
                load_balancing_policy=WhiteListRoundRobinPolicy([endpoint.host]),
                request_timeout=_TIMEOUT_SECONDS,
            ),
        },
        **access,
    )
    try:
        return _missing(cluster.connect(), members)
    except (DriverException, NoHostAvailable, OSError) as error:
        return f"no answer over CQL: {error}"
    finally:
        cluster.shutdown()


def _missing(session: Any, members: int) -> str:
    own = session.execute("SELECT schema_version FROM system.local").one()
    peers = session.execute("SELECT schema_version FROM system.peers_v2").all()
    if len(peers) < members - 1:
        return f"it sees {len(peers)} of {members - 1} peers"
    if members > 1 and {peer.schema_version for peer in peers} != {own.schema_version}:
        return "the nodes do not yet agree on the schema"
    return ""
