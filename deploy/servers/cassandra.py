"""Cassandra: the settings and the command line of a local node."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.processes.node import Plan
from deploy.processes.ports import Endpoint
from deploy.processes.process import Command
from deploy.servers.cluster import Cluster, CommitLog

IMAGE = "cassandra:5.0.8"
IMAGE_LIBRARIES = "/opt/cassandra/lib"
PORT = 19042
STORAGE_PORT = 17000
JMX_PORT = 17199
PORTS = (PORT, STORAGE_PORT, JMX_PORT)
READY_LIMIT_SECONDS = 120
_AGENT = "jamm-0.4.0.jar"
_MODULES = Path(__file__).with_name("jvm17.args")
_LOGBACK = """\
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{ISO8601} %-5level [%thread] %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
"""
COUNTER_WRITES = 4096
"""The most threads for counters, and 1,024 locks for each of them, which is what matters: a write
holds three locks for each of its rows until it is on disk. With 128, any two writes of 256 rows
waited for each other: 25,600 rows/s instead of 82,200."""
COMPACTION_THROUGHPUT = "4MiB/s"
"""All of a node's compactions, which share the machine's cores with the tiers. One of 550 MB that
ran as fast as it could took a core for a minute, and changes of status waited for half of one."""
Setting = int | str | bool | list[str] | list[Any] | Mapping[str, Any]


def settings(cluster: Cluster, number: int) -> dict[str, Setting]:
    """Return the cassandra.yaml of node *number*. Cassandra 5.0 refuses unknown keys."""
    folder, host, profile = _folder(cluster, number), cluster.host(number), cluster.profile
    chosen: dict[str, Setting] = {
        "cluster_name": "catchall-local",
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        # One token per node, evenly spread: each node owns the same, fixed share of the ring.
        "num_tokens": 1,
        "initial_token": str(token(cluster.nodes, number)),
        "auto_bootstrap": False,
        "endpoint_snitch": "SimpleSnitch",
        "seed_provider": [
            {
                "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
                "parameters": [{"seeds": cluster.host(1)}],
            },
        ],
        "listen_address": host,
        "rpc_address": host,
        "storage_port": STORAGE_PORT,
        "native_transport_port": PORT,
        "data_file_directories": [str(folder / "data")],
        "commitlog_directory": str(folder / "commitlog"),
        "saved_caches_directory": str(folder / "saved_caches"),
        "hints_directory": str(folder / "hints"),
        "cdc_raw_directory": str(folder / "cdc_raw"),
        "commitlog_sync": str(cluster.commit_log),
        "commitlog_segment_size": "8MiB",
        "memtable_heap_space": profile.cassandra_memtable,
        "memtable_offheap_space": profile.cassandra_memtable,
        "memtable_allocation_type": "heap_buffers",
        "memtable_flush_writers": 1,
        "concurrent_reads": profile.cassandra_concurrent_reads,
        "concurrent_writes": profile.cassandra_concurrent_writes,
        "concurrent_counter_writes": COUNTER_WRITES,
        "concurrent_compactors": 1,
        "compaction_throughput": COMPACTION_THROUGHPUT,
        "key_cache_size": "8MiB",
        "counter_cache_size": "0MiB",
        "prepared_statements_cache_size": "8MiB",
        "file_cache_size": profile.cassandra_file_cache,
        "disk_access_mode": "standard",
        "auto_snapshot": False,
        # Below the client's timeout of 4 s, so that the server answers before the client gives up.
        "counter_write_request_timeout": "2000ms",
        "unlogged_batch_across_partitions_warn_threshold": 200,
        "batch_size_warn_threshold": "64KiB",
    }
    match cluster.commit_log:
        case CommitLog.GROUP:
            chosen["commitlog_sync_group_window"] = "10ms"
        case CommitLog.PERIODIC:
            chosen["commitlog_sync_period"] = "10000ms"
            chosen["commitlog_compression"] = [{"class_name": "LZ4Compressor"}]
    if cluster.security is not None:
        chosen |= cluster.security.cassandra_settings(str(_secret(cluster, number)))
    return chosen


def token(nodes: int, number: int) -> int:
    """Return the token of node *number*: *nodes* tokens spread evenly over the ring."""
    return -(2**63) + ((number - 1) * 2**64) // nodes


def plan(cluster: Cluster, number: int, java: str, libraries: str) -> Plan:
    """Return the plan of node *number*, run by *java* with the jars in the folder *libraries*."""
    name, folder, host = f"cassandra-{number}", _folder(cluster, number), cluster.host(number)
    yaml, logback = folder / "cassandra.yaml", folder / "logback.xml"
    modules, temporary = folder / _MODULES.name, folder / "tmp"
    security = cluster.security
    secrets = {} if security is None else {_secret(cluster, number): security.server}
    arguments = (
        *(java, f"-javaagent:{libraries}/{_AGENT}", f"@{modules}", *cluster.profile.cassandra_jvm),
        *("-XX:+ExitOnOutOfMemoryError", "-XX:+PerfDisableSharedMem"),
        "-Djava.net.preferIPv4Stack=true",
        *(f"-Djava.io.tmpdir={temporary}", f"-Djna.tmpdir={temporary}"),
        f"-Dlogback.configurationFile={logback.as_uri()}",
        *_properties(
            {
                "config": yaml.as_uri(),
                "storagedir": str(folder),
                "logdir": str(folder / "logs"),
                "ring_delay_ms": "5000",
                "consistent.rangemovement": "false",
                "consistent.simultaneousmoves.allow": "true",
                "available_processors": str(cluster.profile.cassandra_processors),
                "superuser_setup_delay_ms": "0",
                **_gossip(cluster),
            },
        ),
        "-Dcassandra-foreground=yes",
        *_jmx(host),
        *("-cp", f"{libraries}/*", "org.apache.cassandra.service.CassandraDaemon"),
    )
    return Plan(
        command=Command(name, arguments, folder / f"{name}.log", folder, image=IMAGE),
        endpoints=tuple(Endpoint(host, port) for port in PORTS),
        files={
            yaml: _text(settings(cluster, number)),
            logback: _LOGBACK,
            modules: _MODULES.read_text(),
            # The JVM needs its temporary folder to exist.
            temporary / ".keep": "",
            **secrets,
        },
    )


def _folder(cluster: Cluster, number: int) -> Path:
    return cluster.folder(f"cassandra-{number}")


def _secret(cluster: Cluster, number: int) -> Path:
    return _folder(cluster, number) / "server.pem"


def _properties(pairs: Mapping[str, str]) -> list[str]:
    return [f"-Dcassandra.{key}={value}" for key, value in pairs.items()]


def _gossip(cluster: Cluster) -> dict[str, str]:
    """Return the gossip settings: a single node does not wait for others."""
    if cluster.nodes == 1:
        return {"skip_wait_for_gossip_to_settle": "0"}
    return {
        "gossip_settle_min_wait_ms": "500",
        "gossip_settle_interval_ms": "250",
        "gossip_settle_poll_success_required": "6",
    }


def _jmx(host: str) -> list[str]:
    """Serve nodetool (JMX) on the node's address.

    `cassandra.jmx.local.port` always binds 127.0.0.1, where several nodes would conflict.
    """
    return [
        f"-Djava.rmi.server.hostname={host}",
        *(
            f"-Dcom.sun.management.jmxremote.{key}={value}"
            for key, value in {
                "host": host,
                "port": JMX_PORT,
                "rmi.port": JMX_PORT,
                "ssl": "false",
                "authenticate": "false",
            }.items()
        ),
    ]


def _text(pairs: Mapping[str, Setting]) -> str:
    # JSON is valid YAML, and it quotes every string that YAML could misread.
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in pairs.items())
