"""Start Kafka and Cassandra for a run, sized for measurements."""

import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from deploy.downloads import jars
from deploy.servers import kafka
from deploy.servers.backends import Servers, open_servers
from deploy.servers.profile import BENCH
from shared.cassandra.session import open_session
from shared.config import CassandraConfig
from tests.servers.loopback import random_prefix

_SINGLE = {
    "KAFKA_REPLICATION_FACTOR": "1",
    "KAFKA_MIN_INSYNC_REPLICAS": "1",
    "CASSANDRA_REPLICATION": "datacenter1:1",
}


@asynccontextmanager
async def open_bench_servers(folder: Path, report: Callable[[str], None]) -> AsyncIterator[Servers]:
    """Start a broker and a Cassandra node, or use those named by the environment.

    Deletes their data at the end; their logs stay in *folder*. Raises ServersError.
    """
    data = folder / "servers"
    try:
        async with open_servers(
            data, prefix=random_prefix(), profile=BENCH, report=report
        ) as servers:
            yield servers
    finally:
        for log in data.glob("*/*.log"):
            log.replace(folder / log.name)
        shutil.rmtree(data, ignore_errors=True)


def tier_environment(servers: Servers) -> Mapping[str, str]:
    """Return the settings by which a tier finds *servers*."""
    single = {name: os.environ.get(name, value) for name, value in _SINGLE.items()}
    return {
        "KAFKA_BOOTSTRAP_SERVERS": servers.bootstrap_servers,
        "CASSANDRA_CONTACT_POINTS": servers.contact_points,
        **single,
    }


async def describe_servers(servers: Servers) -> dict[str, str]:
    """Return the versions of *servers* as far as known."""
    config = CassandraConfig(contact_points=servers.contact_points)
    async with open_session(config) as session:
        (row,) = await session.read("SELECT release_version FROM system.local")
    return {"Kafka": _kafka_version(servers), "Cassandra": row.release_version}


def quieten() -> None:
    """Limit the logs of the clients and of our adapters to errors."""
    for client in ("aiokafka", "cassandra"):
        logging.getLogger(client).setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def _kafka_version(servers: Servers) -> str:
    if not servers.kafka:
        return "of the environment"
    image = servers.kafka[0].plan.command.image
    in_image = kafka.IMAGE_LIBRARIES in " ".join(servers.kafka[0].plan.command.arguments)
    return image if in_image else jars.KAFKA.name.removeprefix("kafka-")
