"""What is checked of the running containers, from outside."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

from tests.tools.containers.engine import TrialError, execute
from tests.tools.containers.images import BASE, IMAGE
from tests.tools.containers.topology import Topology

INGEST, QUERY = 8080, 8081
"""The ports that the file publishes for the first node of a tier."""
_DOMAIN = "counted.example.com"
_LABELS = ("title", "licenses", "version", "revision", "created")
_MAX_MIB = 130
_POLL_SECONDS = 0.2
_TEST_SECONDS = 150.0
_TESTS = tuple(
    f"tests/system/api/test_{name}.py"
    for name in ("classification", "caching", "refusals", "export")
)
_PROBE = """
import errno, glob, json, os
def is_written(folder):
    try:
        open(folder + "/probe", "w").close()
    except OSError as error:
        return error.errno != errno.EROFS
    return True
status = dict(line.split(":\\t", 1) for line in open("/proc/1/status"))
limits = {}
for name, files in {"memory": "memory/memory.limit_in_bytes memory.max",
                    "pids": "pids/pids.max pids.max"}.items():
    paths = [each for file in files.split() for each in glob.glob("/sys/fs/cgroup/" + file)]
    limits[name] = open(paths[0]).read().strip()
print(json.dumps({
    "user": os.getuid(),
    "capabilities": [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")],
    "no new privileges": status["NoNewPrivs"].strip(),
    "written": [each for each in ("", "/app", "/opt/venv", "/tmp", "/run", "/keys")
                if is_written(each)],
    **limits,
}))
"""


def image_is_ours(topology: Topology) -> str:
    """The image has a numeric user, every label, and no more bytes than it needs."""
    (found,) = json.loads(topology.engine.run("image", "inspect", IMAGE))
    _equal(found["Config"]["User"], "65532:65532", "user")
    labels = {name.rpartition(".")[2]: text for name, text in found["Config"]["Labels"].items()}
    missing = [name for name in _LABELS if labels.get(name, "unknown") == "unknown"]
    _equal(missing, [], "labels without a value")
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
        _wait(partial(_listens, host, port), 90, f"{name} listens on {host}:{port}")
    return ""


def no_keys_no_node(topology: Topology) -> str:
    """Without a key file a node reports that and ends with 2."""
    done = topology.run("ingest-1")
    _equal(done.returncode, 2, done.stdout + done.stderr)
    return (done.stdout + done.stderr).strip().splitlines()[-1][:100]


def prepared_twice(topology: Topology) -> str:
    """`deploy.prepare` ends with 0, also if there is nothing left to do."""
    for _ in range(2):
        done = topology.run("prepare", seconds=120)
        _equal(done.returncode, 0, done.stdout + done.stderr)
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
        probe = ("exec", topology.started[name], "python", "-c", _PROBE)
        expected = {
            "user": 65532,
            "capabilities": [0, 0, 0, 0],
            "no new privileges": "1",
            "written": [],
            "memory": str(mebibytes * 1024**2),
            "pids": str(limits["pids"]),
        }
        _equal(json.loads(topology.engine.run(*probe)), expected, name)
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

    _wait(is_unready, 30, "the worker reports its own health")
    _equal(topology.health("ingest-1").returncode, 0, "health of its neighbour")
    topology.remove("lonely")
    return ""


def events_are_counted(topology: Topology) -> str:
    """Events without a key are refused with 401; with one they are accepted and counted."""
    path = f"/events/{_DOMAIN}/delivered"
    _equal([_ask("PUT", INGEST, path)[0], _ask("GET", QUERY, "/summary")[0]], [401, 401], "no key")
    line = json.dumps({"domain": _DOMAIN, "event": "delivered", "count": 1000}).encode()
    _equal(_ask("POST", INGEST, "/events", topology.key, line)[0], 202, "POST")
    _equal(_ask("PUT", INGEST + 100, path, topology.key)[0], 202, "PUT")
    for port in (QUERY, QUERY + 100):
        _wait_answer(topology, port, status="catch-all", delivered=1001)
    return _ask("GET", QUERY, f"/domains/{_DOMAIN}", topology.key)[1]


def keys_change_at_sighup(topology: Topology) -> str:
    """A new secret is valid after SIGHUP, and a retired one no longer is."""
    fresh = _secret(topology, "rotate")

    def answers() -> list[int]:
        path = "/events/changed.example.com/delivered"
        return [_ask("PUT", INGEST, path, key)[0] for key in (topology.key, fresh)]

    _equal(answers(), [202, 401], "before SIGHUP")
    _hang_up(topology)
    _wait(lambda: answers() == [202, 202], 10, "both secrets are valid")
    _secret(topology, "retire")
    _hang_up(topology)
    _wait(lambda: answers() == [401, 202], 10, "the new secret alone is valid")
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
        _equal(topology.inspect(name, "{{.State.ExitCode}}"), "0", name)
        topology.engine.run("start", topology.started[name])
    _all_healthy(topology, nodes, 60)
    return ", ".join(taken)


def killed_containers_return(topology: Topology) -> str:
    """SIGKILL to every container at once: all start again, and no count is lost."""
    for name in topology.started:
        os.kill(int(topology.inspect(name, "{{.State.Pid}}")), signal.SIGKILL)
    for name in topology.started:
        _wait(partial(_was_restarted, topology, name), 30, f"{name} is restarted")
    _all_healthy(topology, topology.names("ingest", "query", "worker"), 120)
    _wait_answer(topology, QUERY, status="catch-all", delivered=1001)
    path = f"/events/{_DOMAIN}/bounced"
    _wait(lambda: _ask("PUT", INGEST, path, topology.key)[0] == 202, 60, "a PUT is accepted")
    _wait_answer(topology, QUERY, status="not catch-all", delivered=1001)
    return f"{len(topology.started)} containers"


def system_tests_pass(topology: Topology) -> str:
    """The system tests that need HTTP alone pass against the containers."""
    environment = {
        "SYSTEM_INGEST_URL": f"http://127.0.0.1:{INGEST}",
        "SYSTEM_QUERY_URL": f"http://127.0.0.1:{QUERY}",
        "SYSTEM_API_KEY": topology.key,
    }
    # The one reads the log of its node, the other sends requests without a key.
    return _pytest(environment, *_TESTS, "-k", "not malformed_http and not after_a_304")


def docker_backend_works(topology: Topology) -> str:
    """The servers of the tests start through the Docker API, and a test passes on them."""
    place = topology.engine.folder / "docker.sock"
    service = subprocess.Popen(
        ("podman", "system", "service", "--time=0", f"unix://{place}"),
        env={**os.environ, **topology.engine.environment},
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(place.exists, 20, "the API listens")
        environment = {"DOCKER_HOST": f"unix://{place}", "TESTCONTAINERS_RYUK_DISABLED": "true"}
        return _pytest(
            environment,
            "-s",
            "tests/contract/deploy/test_buckets.py",
            expected="servers: containers of",
        )
    finally:
        service.terminate()
        service.wait(20)


CHECKS: tuple[Callable[[Topology], str], ...] = (
    image_is_ours,
    servers_start,
    prepared_twice,
    no_keys_no_node,
    nodes_become_ready,
    nodes_are_confined,
    each_reports_its_own_health,
    events_are_counted,
    keys_change_at_sighup,
    nodes_stop_cleanly,
    system_tests_pass,
    killed_containers_return,
    docker_backend_works,
)
"""In this order: each needs the ones before."""


def _secret(topology: Topology, command: str, *words: str) -> str:
    done = topology.run("keys", command, "--id", "me", *words)
    _equal(done.returncode, 0, done.stderr)
    return done.stdout.strip()


def _ask(method: str, port: int, path: str, key: str = "", body: bytes = b"") -> tuple[int, str]:
    """Return status and body of the answer; 0 if there is none."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if body:
        headers["Content-Type"] = "application/x-ndjson"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()


def _wait_answer(topology: Topology, port: int, **expected: object) -> None:
    """Wait until the domain of the checks is answered with *expected*."""

    def is_answered() -> bool:
        status, body = _ask("GET", port, f"/domains/{_DOMAIN}", topology.key)
        return status == http.client.OK and json.loads(body).items() >= expected.items()

    _wait(is_answered, 60, f"{_DOMAIN} has {expected} on port {port}")


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
        _wait(partial(_is_healthy, topology, name), seconds, f"{name} is healthy")


def _pytest(environment: dict[str, str], *words: str, expected: str = "") -> str:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words)
    done = execute(*command, seconds=_TEST_SECONDS, environment=environment)
    text = done.stdout + done.stderr
    if done.returncode != 0 or expected not in text:
        raise TrialError(text[-6000:])
    return text.strip().splitlines()[-1]


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def _wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until *condition* holds. Raises TrialError after *seconds*."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TrialError(f"not within {seconds:.0f} s: {what}")
        time.sleep(_POLL_SECONDS)


def _equal(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise TrialError(f"{what}: {found!r}, expected {expected!r}")
