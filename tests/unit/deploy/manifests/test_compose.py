"""The compose file matches the code, and grants no more rights than needed."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # has no types of its own

from deploy.servers import cassandra, kafka
from deploy.servers.cluster import Cluster
from query.config import QuerySettings
from tests.unit.deploy.manifests import expected
from tests.unit.deploy.manifests.settings import variables

FOLDER = Path(__file__).resolve().parents[4] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
TIERS = {name: name.partition("-")[0] for name in SERVICES if re.fullmatch(r"\w+-\d", name)}
OURS = {name: each for name, each in SERVICES.items() if "catchall:local" in each["image"]}


def test_it_is_a_valid_compose_file() -> None:
    """It matches the schema of the compose specification."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", str(FOLDER / "compose.yaml")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_two_of_each_tier() -> None:
    """One node can be replaced while the other answers."""
    assert sorted(TIERS.values()) == ["ingest"] * 2 + ["query"] * 2 + ["worker"] * 2
    for name, tier in TIERS.items():
        assert SERVICES[name]["command"] == [expected.MODULES[tier]]


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_of_ours(name: str) -> None:
    """The entrypoint of the image is `python -m`."""
    service = OURS[name]
    command = [*service.get("entrypoint", ["python", "-m"]), *service["command"]]
    assert command[:2] == ["python", "-m"]
    assert expected.module_exists(command[2])


@pytest.mark.parametrize("name", OURS)
def test_each_variable_exists(name: str) -> None:
    """A misspelt variable would be ignored silently."""
    given = set(OURS[name].get("environment", {}))
    assert given <= variables()


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_without_rights(name: str) -> None:
    """They do not run as root and cannot write to their root file system."""
    service = OURS[name]
    assert service["user"] == "65532:65532"
    assert service["read_only"] is True
    assert service.get("privileged") is None


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_limits(name: str) -> None:
    """Limits of CPU, memory, processes and log size; no capabilities, no new privileges."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    """Kafka, Cassandra and management ports are not published at all."""
    published = [port.split(":") for port in SERVICES[name].get("ports", [])]
    assert all(host == "127.0.0.1" for host, _, _ in published)
    tier = TIERS.get(name)
    if tier is not None:
        port = expected.PORTS[tier][0]
        assert [int(inside) for _, _, inside in published] == ([port] if port else [])
    elif name not in {"prometheus", "grafana"}:
        assert not published


def test_the_first_node_of_a_tier_has_the_documented_port() -> None:
    """These are the ports of `make run`."""
    assert SERVICES["ingest-1"]["ports"] == ["127.0.0.1:8080:8080"]
    assert SERVICES["query-1"]["ports"] == ["127.0.0.1:8081:8081"]


@pytest.mark.parametrize("name", TIERS)
def test_a_node_listens_on_its_agreed_ports(name: str) -> None:
    """It listens on all addresses of its network, so it needs a key file."""
    tier = TIERS[name]
    port, management = expected.PORTS[tier]
    prefix = {"worker": "CONSUMER"}.get(tier, tier.upper())
    given = SERVICES[name]["environment"]
    assert given[f"{prefix}_MANAGEMENT_PORT"] == str(management)
    if port is None:
        assert given["CONSUMER_MANAGEMENT_HOST"] == "0.0.0.0"  # noqa: S104 the network is internal
        return
    assert given[f"{prefix}_HTTP_PORT"] == str(port)
    assert given[f"{prefix}_HTTP_HOST"] == "0.0.0.0"  # noqa: S104
    assert given["ACCESS_KEYS_FILE"].startswith("/keys/")
    assert "keys:/keys:ro" in SERVICES[name]["volumes"]


@pytest.mark.parametrize("name", TIERS)
def test_a_node_has_time_for_a_clean_stop(name: str) -> None:
    """A node that is killed while it drains leaves requests unanswered."""
    grace = float(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    assert grace > expected.needed_seconds(TIERS[name])


@pytest.mark.parametrize("name", TIERS)
def test_a_node_is_healthy_when_it_is_ready(name: str) -> None:
    """The health check requests a path that exists; a node starts after everything it needs."""
    *command, path = SERVICES[name]["healthcheck"]["test"]
    assert command == ["CMD", "python", "-m", "deploy.health"]
    assert f"/{path}" in expected.served_paths()
    assert SERVICES[name]["depends_on"] == {
        "prepare": {"condition": "service_completed_successfully"},
        "kafka": {"condition": "service_healthy"},
        "cassandra": {"condition": "service_healthy"},
    }


def test_no_service_asks_for_more_open_files_than_the_machine_allows() -> None:
    """It would not start: our processes and Java take what their limit allows."""
    assert not [name for name, service in SERVICES.items() if "ulimits" in service]


def test_every_dependency_has_a_health_check() -> None:
    """A condition on a service without a health check would never become true."""
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other]
            else:
                assert SERVICES[other]["restart"] == "no"


def test_the_pulse_reads_every_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """It uses the management port and the service name of each node."""
    monkeypatch.setenv(
        "QUERY_PULSE_TARGETS", SERVICES["query-1"]["environment"]["QUERY_PULSE_TARGETS"]
    )
    wanted = {(name, expected.PORTS[tier][1]) for name, tier in TIERS.items()}
    assert set(QuerySettings().pulse_addresses) == wanted


def test_the_servers_are_those_that_we_test_with() -> None:
    """One version of each everywhere, to the last number."""
    for name, image in expected.IMAGES.items():
        assert SERVICES[name]["image"] == image
        assert expected.version(image)


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_prometheus_and_grafana_are_pinned(name: str) -> None:
    """Their images have exact versions."""
    assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])


def test_each_mounted_file_exists() -> None:
    """Docker would create a folder in place of a missing file."""
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                path = FOLDER / source
                assert path.is_file(), path
            else:
                assert source in COMPOSE["volumes"]


def test_cassandra_keeps_acknowledged_writes() -> None:
    """The settings that exact counting needs are those of the nodes that we test with."""
    ours = yaml.safe_load((FOLDER / "compose" / "cassandra.yaml").read_text())
    tested = cassandra.settings(Cluster(Path("unused"), nodes=1), 1)
    for name in (
        "partitioner",
        "endpoint_snitch",
        "commitlog_sync",
        "commitlog_sync_group_window",
        "concurrent_counter_writes",
        "counter_cache_size",
        "counter_write_request_timeout",
        "unlogged_batch_across_partitions_warn_threshold",
    ):
        assert ours[name] == tested[name]
    port = SERVICES["ingest-1"]["environment"]["CASSANDRA_CONTACT_POINTS"].split(":")[1]
    assert ours["native_transport_port"] == int(port)


def test_kafka_creates_no_topics_and_elects_only_replicas_in_sync() -> None:
    """The settings that exact counting needs are those of the brokers that we test with."""
    given = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in SERVICES["kafka"]["environment"].items()
    }
    tested = kafka.settings(Cluster(Path("unused"), nodes=1), 1)
    for name in given.keys() & tested.keys():
        if not any(word in name for word in ("listeners", "voters", "log.dirs")):
            assert given[name] == tested[name], name
    assert {"auto.create.topics.enable", "unclean.leader.election.enable"} <= given.keys()
    address = SERVICES["ingest-1"]["environment"]["KAFKA_BOOTSTRAP_SERVERS"]
    assert given["advertised.listeners"] == f"PLAINTEXT://{address}"
