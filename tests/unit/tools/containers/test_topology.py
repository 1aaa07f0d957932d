"""How the services of compose.yaml become containers of podman."""

import pytest

from tests.tools.containers.topology import COMPOSE, addresses, options, read_compose
from tests.tools.trial import TrialError

SERVICES = read_compose(COMPOSE)["services"]
HOSTS = addresses(SERVICES)


def test_a_node_has_every_restriction_of_its_service() -> None:
    """What is tested in containers is what the file says."""
    found = options("ingest-1", SERVICES["ingest-1"], HOSTS)
    assert found[-1] == "catchall:local"
    assert set(found) >= {
        *("--read-only", "--read-only-tmpfs=false", "--init", "--user=65532:65532"),
        *("--cap-drop=ALL", "--security-opt=no-new-privileges:true"),
        *("--cpus=1.0", "--memory=512m", "--pids-limit=200"),
        *("--restart=unless-stopped", "--stop-timeout=45"),
        *("--network=front", f"--network=back:ip={HOSTS['ingest-1']}"),
        "--publish=127.0.0.1:8080:8080",
        *("--volume=keys:/keys:ro", "--env=ACCESS_KEYS_FILE=/keys/keys.json"),
    }


def test_a_path_of_the_file_is_relative_to_it() -> None:
    """The engine would look for it below another folder."""
    found = options("cassandra", SERVICES["cassandra"], HOSTS)
    source = COMPOSE.parent / "compose" / "cassandra.yaml"
    assert f"--volume={source}:/etc/catchall/cassandra.yaml:ro" in found
    assert "--volume=cassandra:/var/lib/cassandra" in found


def test_nodes_find_each_other_without_a_name_server() -> None:
    """The query nodes ask every node for the rates on the page."""
    environment = SERVICES["query-1"]["environment"]
    names = ("QUERY_PULSE_TARGETS", "KAFKA_BOOTSTRAP_SERVERS", "CASSANDRA_CONTACT_POINTS")
    wanted = {each.partition(":")[0] for name in names for each in environment[name].split(",")}
    found = options("query-1", SERVICES["query-1"], HOSTS)
    assert set(found) >= {f"--add-host={name}:{HOSTS[name]}" for name in wanted}


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "grafana"])
def test_every_key_of_a_service_is_translated(name: str) -> None:
    """Grafana has one more: its image is not run."""
    assert options(name, SERVICES[name], HOSTS)


def test_a_key_that_is_not_translated_is_an_error() -> None:
    """A restriction must not be left out in silence."""
    with pytest.raises(TrialError, match="shm_size"):
        options("ingest-1", {**SERVICES["ingest-1"], "shm_size": "64M"}, HOSTS)
