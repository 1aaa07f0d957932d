"""Build the image and run deploy/compose.yaml in containers: ``python -m tests.tools.containers``.

Exit status 0: every check passed; 1: one did not; 2: not run, for the reason that is printed.
"""

import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from deploy.processes.errors import ServersError
from tests.tools.containers import engine, images, topology
from tests.tools.containers.checks import CHECKS
from tests.tools.containers.engine import FOLDER, Engine
from tests.tools.containers.topology import Topology
from tests.tools.trial import EXIT_NOT_RUN, NotRunError, TrialError, execute, passes, say

_BUILD, _CHECK = "--build", "--check"
_COMMAND = (sys.executable, "-m", "tests.tools.containers")
_IMAGES = Engine(FOLDER / "images")
_RUN = Engine(FOLDER / "run", (_IMAGES.store,))
_NOT_RUN = (
    "not run: Prometheus, Grafana; the health checks that Kafka's and Cassandra's images bring"
)


def check() -> int:
    """Run every check, up to the first that fails; this process has a network of its own."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_NOT_RUN))
    _RUN.configure()
    execute("ip", "link", "set", "lo", "up", seconds=5)
    compose = topology.read_compose(topology.COMPOSE)
    for name, network in compose["networks"].items():
        _RUN.run("network", "create", *topology.network_options(name, network))
    containers = Topology(_RUN, compose["services"])
    try:
        passed = all(_all_pass(together, containers) for together in CHECKS)
        say(_NOT_RUN)
        return 0 if passed else 1
    finally:
        containers.remove()


def _all_pass(checks: Iterable[Callable[[Topology], str]], containers: Topology) -> bool:
    with ThreadPoolExecutor() as pool:
        return all(list(pool.map(lambda check: passes(check, containers), checks)))


def build() -> int:
    """Build the images, then check them in a network of their own; this process has its mounts."""
    began = time.monotonic()
    try:
        _IMAGES.configure()
        images.build_all(_IMAGES)
    except (NotRunError, ServersError) as error:
        say(f"NOT RUN: {error}")
        return EXIT_NOT_RUN
    except TrialError as error:
        say(f"FAILED to build the images\n{error}")
        return 1
    say(f"images: {time.monotonic() - began:.1f} s")
    return engine.leave_network(*_COMMAND, _CHECK)


def main(words: list[str]) -> int:
    """Build, then check, each in namespaces of its own."""
    if words == [_BUILD]:
        return build()
    if words == [_CHECK]:
        return check()
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = (FOLDER / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        say(engine.install())
    except BlockingIOError:
        say("NOT RUN: another run uses .local/containers")
        return EXIT_NOT_RUN
    except (NotRunError, TrialError) as error:
        say(f"NOT RUN: {error}")
        return EXIT_NOT_RUN
    # Inherited, so that the lock lasts as long as the run.
    os.set_inheritable(lock.fileno(), True)  # noqa: FBT003 it has no keyword
    shutil.rmtree(_RUN.folder, ignore_errors=True)
    return engine.isolate(*_COMMAND, _BUILD)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
