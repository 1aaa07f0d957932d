"""Run tests of the project against the containers, and on servers that podman starts."""

import os
import subprocess
import sys

from tests.tools.containers.answers import INGEST, QUERY
from tests.tools.containers.topology import Topology
from tests.tools.trial import TrialError, execute, wait

_TEST_SECONDS = 300.0
_TESTS = tuple(
    f"tests/system/api/test_{name}.py"
    for name in ("classification", "caching", "refusals", "export")
)


def system_tests_pass(topology: Topology) -> str:
    """The system tests that need HTTP alone pass against the containers."""
    environment = {
        "SYSTEM_INGEST_URL": f"http://127.0.0.1:{INGEST}",
        "SYSTEM_QUERY_URL": f"http://127.0.0.1:{QUERY}",
        "SYSTEM_API_KEY": topology.key,
    }
    # One of these reads the log of its node, the other sends requests without a key.
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
        wait(place.exists, 20, "the API listens")
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


def _pytest(environment: dict[str, str], *words: str, expected: str = "") -> str:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words)
    done = execute(*command, seconds=_TEST_SECONDS, environment=environment)
    text = done.stdout + done.stderr
    if done.returncode != 0 or expected not in text:
        raise TrialError(text[-6000:])
    return text.strip().splitlines()[-1]
