"""Kafka: the settings and the command line of a local broker, and its readiness check."""

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.processes.node import Plan, Probe
from deploy.processes.ports import Endpoint
from deploy.processes.process import Command
from deploy.servers.cluster import Cluster
from deploy.servers.security import Security

IMAGE = "apache/kafka:4.3.1"
IMAGE_LIBRARIES = "/opt/kafka/libs"
PORT = 19092
CONTROLLER_PORT = 19093
PORTS = (PORT, CONTROLLER_PORT)
READY_LIMIT_SECONDS = 90
_CLUSTER_ID = base64.urlsafe_b64encode(b"catchall-local-1").decode().rstrip("=")


def settings(cluster: Cluster, number: int) -> dict[str, str]:
    """Return the server.properties of broker *number*.

    Settings of topics (timestamps, retention) are in ``deploy/prepare.py``.
    """
    host = cluster.host(number)
    replicas, majority = str(cluster.nodes), str(cluster.majority)
    security = cluster.security
    clients = "PLAINTEXT" if security is None else "SASL_SSL"
    voters = (f"{each}@{cluster.host(each)}:{CONTROLLER_PORT}" for each in cluster.numbers)
    return {
        "process.roles": "broker,controller",
        "node.id": str(number),
        "controller.quorum.voters": ",".join(voters),
        "listeners": f"{clients}://{host}:{PORT},CONTROLLER://{host}:{CONTROLLER_PORT}",
        "advertised.listeners": f"{clients}://{host}:{PORT}",
        "inter.broker.listener.name": clients,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{clients}:{clients}",
        "log.dirs": str(_folder(cluster, number) / "data"),
        # A misspelt topic must fail. Kafka would create it, with a wrong number of partitions.
        "auto.create.topics.enable": "false",
        "unclean.leader.election.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": majority,
        "offsets.topic.num.partitions": "3",
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.num.partitions": "3",
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": majority,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": majority,
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # Everything runs on one small machine.
        "num.network.threads": "2",
        "num.io.threads": "2",
        "background.threads": "2",
        "num.recovery.threads.per.data.dir": "1",
        "log.cleaner.threads": "1",
        "log.cleaner.dedupe.buffer.size": "2097152",
        "log.segment.bytes": "16777216",
        # Notice a dead broker within seconds. A single broker needs this too: after a kill -9 it
        # cannot register again before its old session has expired.
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "3000",
        "replica.lag.time.max.ms": "3000",
        "controller.quorum.election.timeout.ms": "500",
        "controller.quorum.fetch.timeout.ms": "1000",
        **({} if security is None else security.kafka_settings(str(_secret(cluster, number)))),
    }


def plan(cluster: Cluster, number: int, java: str, libraries: str) -> Plan:
    """Return the plan of broker *number*, run by *java* with the jars in the folder *libraries*."""
    name, folder = f"kafka-{number}", _folder(cluster, number)
    properties = folder / "server.properties"
    jvm = (
        *(java, *cluster.profile.kafka_jvm, "-XX:+ExitOnOutOfMemoryError"),
        "-Djava.net.preferIPv4Stack=true",
        f"-Dkafka.logs.dir={folder / 'logs'}",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
        *("-cp", f"{libraries}/*"),
    )
    files = {properties: _text(settings(cluster, number))}
    users: tuple[str, ...] = ()
    if cluster.security is not None:
        files[_secret(cluster, number)] = cluster.security.server
        users = cluster.security.kafka_format()
    format_storage = (
        "kafka.tools.StorageTool",
        "format",
        "-t",
        _CLUSTER_ID,
        "-c",
        str(properties),
        *users,
    )
    return Plan(
        command=Command(
            *(name, (*jvm, "kafka.Kafka", str(properties)), folder / f"{name}.log", folder),
            image=IMAGE,
        ),
        endpoints=tuple(Endpoint(cluster.host(number), port) for port in PORTS),
        files=files,
        setup=Command(
            *(
                f"{name}-format",
                (*jvm, *format_storage, "--ignore-formatted"),
                folder / "format.log",
                folder,
            ),
            image=IMAGE,
        ),
    )


def probe(endpoint: Endpoint, number: int, security: Security | None = None) -> Probe:
    """Return a check: broker *number* and enough others are in the cluster."""

    async def check(members: int) -> str:
        # The client logs a warning for each refused connection, so try a plain connection first.
        try:
            _, writer = await asyncio.open_connection(*endpoint)
        except OSError:
            return f"{endpoint} refuses connections"
        writer.close()
        admin = AIOKafkaAdminClient(
            bootstrap_servers=str(endpoint),
            request_timeout_ms=5000,
            **({} if security is None else security.kafka_client_arguments()),
        )
        try:
            await admin.start()
            answer = await admin.describe_cluster()
        except KafkaError as error:
            return f"no metadata: {error}"
        finally:
            await admin.close()
        brokers = {broker["node_id"] for broker in answer["brokers"]}
        if number not in brokers or len(brokers) < members:
            return f"{len(brokers)} of {members} brokers have joined"
        return ""

    return check


def _folder(cluster: Cluster, number: int) -> Path:
    return cluster.folder(f"kafka-{number}")


def _secret(cluster: Cluster, number: int) -> Path:
    return _folder(cluster, number) / "server.pem"


def _text(pairs: Mapping[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in pairs.items())
