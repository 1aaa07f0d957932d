"""What is checked of the running containers, from outside."""

import json
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.tools.containers.answers import (
    DOMAIN,
    INGEST,
    QUERY,
    ask,
    listens,
    wait_answer,
)
from tests.tools.containers.images import BASE, IMAGE
from tests.tools.containers.suites import docker_backend_works, system_tests_pass
from tests.tools.containers.topology import Topology
from tests.tools.trial import TrialError, equal, wait

_LABELS = ("title", "licenses", "version", "revision", "created")
_MAX_MIB = 130
_PROBE = Path(__file__).with_name("probe.py")


def image_is_ours(topology: Topology) -> str:
    """The image has a numeric user, every label, and no more bytes than it needs."""
    (found,) = json.loads(topology.engine.run("image", "inspect", IMAGE))
    equal(found["Config"]["User"], "65532:65532", "user")
    labels = {name.rpartition(".")[2]: text for name, text in found["Config"]["Labels"].items()}
    missing = [name for name in _LABELS if labels.get(name, "unknown") == "unknown"]
    equal(missing, [], "labels without a value")
    ours, below = (
        topology.engine.run("image", "inspect", "--format={{.Size}}", each)
        for each in (IMAGE, BASE)
    )
    size, base = int(ours) >> 20, int(below) >> 20
    if size - base > _MAX_MIB:
        raise TrialError(
            f"{size} MiB, of them {base} of the base image: more than {_MAX_MIB} are ours"
        )
    return f"({size} MiB, of them {base} of the base image)"


def servers_start(topology: Topology) -> str:
    """Kafka and Cassandra start with the settings of the file."""
    ports = {"kafka": 9092, "cassandra": 9042}
    for name in ports:
        topology.start(name)
    for name, port in ports.items():
        host = topology.inspect(name, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
        wait(partial(listens, host, port), 90, f"{name} listens on {host}:{port}")
    return ""


def no_keys_no_node(topology: Topology) -> str:
    """Without a key file a node reports that and ends with 2."""
    done = topology.run("ingest-1")
    equal(done.returncode, 2, done.stdout + done.stderr)
    return (done.stdout + done.stderr).strip().splitlines()[-1][:100]


def prepared_twice(topology: Topology) -> str:
    """`deploy.prepare` ends with 0, also if there is nothing left to do."""
    for _ in range(2):
        done = topology.run("prepare", seconds=120)
        equal(done.returncode, 0, done.stdout + done.stderr)
    return ""


def nodes_become_ready(topology: Topology) -> str:
    """`deploy.keys` makes a key; the health check of every node passes."""
    scopes = [f"--scope={each}" for each in ("ingest", "query", "operate")]
    topology.key = _secret(topology, "new", *scopes)
    nodes = topology.names("ingest", "query", "worker")
    for name in nodes:
        topology.start(name)
    _all_healthy(topology, nodes, 90)
    return f"{len(nodes)} nodes"


def nodes_are_confined(topology: Topology) -> str:
    """No root, no capability, no writable folder; memory and processes are limited."""
    for name in topology.names("ingest", "query", "worker"):
        limits = topology.services[name]["deploy"]["resources"]["limits"]
        mebibytes = int(limits["memory"][:-1]) * {"M": 1, "G": 1024}[limits["memory"][-1]]
        probe = ("exec", topology.started[name], "python", "-c", _PROBE.read_text())
        expected = {
            "user": 65532,
            "capabilities": [0, 0, 0, 0],
            "no new privileges": "1",
            "not read-only": [],
            "memory": str(mebibytes * 1024**2),
            "pids": str(limits["pids"]),
        }
        equal(json.loads(topology.engine.run(*probe)), expected, name)
    return ""


def each_reports_its_own_health(topology: Topology) -> str:
    """A worker without Kafka is not ready, although an ingest node in its network is."""
    worker = topology.services["worker-1"]
    topology.services["lonely"] = {
        **worker,
        "network_mode": f"container:{topology.started['ingest-1']}",
        "environment": {**worker["environment"], "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"},
    }
    topology.start("lonely")

    def is_unready() -> bool:
        return "consumer, 9082/readyz: 503" in topology.health("lonely").stdout

    wait(is_unready, 30, "the worker reports its own health")
    equal(topology.health("ingest-1").returncode, 0, "health of its neighbour")
    topology.remove("lonely")
    return ""


def events_are_counted(topology: Topology) -> str:
    """Events without a key are refused with 401; with one they are accepted and counted."""
    path = f"/events/{DOMAIN}/delivered"
    equal([ask("PUT", INGEST, path)[0], ask("GET", QUERY, "/summary")[0]], [401, 401], "no key")
    line = json.dumps({"domain": DOMAIN, "event": "delivered", "count": 1000}).encode()
    equal(ask("POST", INGEST, "/events", topology.key, line)[0], 202, "POST")
    equal(ask("PUT", INGEST + 100, path, topology.key)[0], 202, "PUT")
    for port in (QUERY, QUERY + 100):
        wait_answer(port, topology.key, status="catch-all", delivered=1001)
    return ask("GET", QUERY, f"/domains/{DOMAIN}", topology.key)[1]


def keys_change_at_sighup(topology: Topology) -> str:
    """A new secret is valid after SIGHUP, and a retired one no longer is."""
    fresh = _secret(topology, "rotate")

    def answers() -> list[int]:
        path = "/events/changed.example.com/delivered"
        return [ask("PUT", INGEST, path, key)[0] for key in (topology.key, fresh)]

    equal(answers(), [202, 401], "before SIGHUP")
    _hang_up(topology)
    wait(lambda: answers() == [202, 202], 10, "both secrets are valid")
    _secret(topology, "retire")
    _hang_up(topology)
    wait(lambda: answers() == [401, 202], 10, "the new secret alone is valid")
    topology.key = fresh
    return ""


def nodes_stop_cleanly(topology: Topology) -> str:
    """SIGTERM ends a node of each tier with 0, within its grace; it starts again."""
    nodes, taken = ["ingest-2", "query-2", "worker-2"], []
    for name in nodes:
        began = time.monotonic()
        topology.engine.run("stop", topology.started[name])
        taken.append(f"{name} {time.monotonic() - began:.1f} s")
        # One that is killed after its grace has 137.
        equal(topology.inspect(name, "{{.State.ExitCode}}"), "0", name)
        topology.engine.run("start", topology.started[name])
    _all_healthy(topology, nodes, 60)
    return ", ".join(taken)


def killed_containers_return(topology: Topology) -> str:
    """SIGKILL to every container at once: all start again, and no count is lost."""
    for name in topology.started:
        os.kill(int(topology.inspect(name, "{{.State.Pid}}")), signal.SIGKILL)
    for name in topology.started:
        wait(partial(_was_restarted, topology, name), 30, f"{name} is restarted")
    _all_healthy(topology, topology.names("ingest", "query", "worker"), 120)
    wait_answer(QUERY, topology.key, status="catch-all", delivered=1001)
    path = f"/events/{DOMAIN}/bounced"
    wait(lambda: ask("PUT", INGEST, path, topology.key)[0] == 202, 60, "a PUT is accepted")
    wait_answer(QUERY, topology.key, status="not catch-all", delivered=1001)
    return f"{len(topology.started)} containers"


CHECKS: tuple[tuple[Callable[[Topology], str], ...], ...] = (
    (image_is_ours,),
    (servers_start,),
    (prepared_twice,),
    (no_keys_no_node,),
    (nodes_become_ready,),
    (nodes_are_confined,),
    (each_reports_its_own_health,),
    (events_are_counted,),
    (keys_change_at_sighup,),
    (nodes_stop_cleanly,),
    # Both wait most of their time. The latter has servers of its own.
    (system_tests_pass, docker_backend_works),
    (killed_containers_return,),
)
"""In this order: each needs the ones before. Those of one line run side by side."""


def _secret(topology: Topology, command: str, *words: str) -> str:
    done = topology.run("keys", command, "--id", "me", *words)
    equal(done.returncode, 0, done.stderr)
    return done.stdout.strip()


def _hang_up(topology: Topology) -> None:
    for name in topology.names("ingest", "query"):
        topology.engine.run("kill", "--signal=HUP", topology.started[name])


def _was_restarted(topology: Topology, name: str) -> bool:
    count, state = topology.inspect(name, "{{.RestartCount}} {{.State.Status}}").split()
    return count != "0" and state == "running"


def _is_healthy(topology: Topology, name: str) -> bool:
    return topology.health(name).returncode == 0


def _all_healthy(topology: Topology, names: list[str], seconds: float) -> None:
    for name in names:
        wait(partial(_is_healthy, topology, name), seconds, f"{name} is healthy")
