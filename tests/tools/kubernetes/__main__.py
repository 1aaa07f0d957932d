"""Apply deploy/kubernetes to a real API server: ``python -m tests.tools.kubernetes``.

Exit status 0: every check passed; 1: one did not; 2: this machine cannot build the server.
"""

import fcntl
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deploy.processes.errors import ServersError
from tests.tools.kubernetes import programs, schemas
from tests.tools.kubernetes.checks import PLAN
from tests.tools.kubernetes.cluster import open_cluster
from tests.tools.kubernetes.programs import FOLDER, VERSION
from tests.tools.trial import EXIT_NOT_RUN, NotRunError, TrialError, passes, say

_DEFINITIONS: dict[str, Callable[[], list[Path]]] = {
    "KEDA": partial(schemas.of_module, schemas.KEDA, "keda.sh_scaledobjects.yaml"),
    "Strimzi": schemas.of_strimzi,
    "K8ssandra": partial(
        schemas.of_module, schemas.K8SSANDRA, "k8ssandra.io_k8ssandraclusters.yaml"
    ),
}
_REQUIRED = {"KEDA", "Strimzi"}
_NOT_RUN = (
    "not run: controllers, scheduler, kubelets (no pod starts); the operators and their webhooks"
)


def main() -> int:
    """Build what is missing, then run the checks of every overlay."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(EXIT_NOT_RUN))
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return _check()
        except BlockingIOError:
            say("another run uses .local/kubernetes")
        except (NotRunError, ServersError) as error:
            say(f"not run: {error}")
    return EXIT_NOT_RUN


def _check() -> int:
    began = time.monotonic()
    place = programs.build()
    definitions, absent = _definitions()
    names = ", ".join(definitions)
    say(f"Kubernetes {VERSION}, definitions of {names}: {time.monotonic() - began:.1f} s")
    passed = True
    for overlay in PLAN:
        passed &= _passes(place, overlay, definitions if overlay == "production" else {})
    say(_NOT_RUN)
    for name, reason in absent.items():
        say(f"not checked by the server: the resources of {name} ({reason})")
    return 0 if passed else 1


def _definitions() -> tuple[dict[str, list[Path]], dict[str, str]]:
    """Return the definitions of each operator, and why those of another one are absent."""
    found: dict[str, list[Path]] = {}
    absent: dict[str, str] = {}
    for name, get in _DEFINITIONS.items():
        try:
            found[name] = get()
        except NotRunError as error:
            if name in _REQUIRED:
                raise
            absent[name] = str(error)
    return found, absent


def _passes(place: Path, overlay: str, definitions: dict[str, list[Path]]) -> bool:
    """Run the checks of *overlay* on a cluster of its own, up to the first that fails."""
    began = time.monotonic()
    try:
        with open_cluster(place, overlay, definitions) as cluster:
            say(f"overlay {overlay}: servers started in {time.monotonic() - began:.1f} s")
            return all(passes(each, cluster) for each in PLAN[overlay])
    except TrialError as error:
        say(f"FAILED to start the servers for {overlay}: {error}")
        return False


if __name__ == "__main__":
    sys.exit(main())
