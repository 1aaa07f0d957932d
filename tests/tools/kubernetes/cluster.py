"""A cluster without machines: an API server on etcd, on loopback, with data in a temporary folder.

No controller runs, so nothing starts pods: objects are validated, admitted and stored.
"""

import asyncio
import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from deploy.processes import log_tail, process
from deploy.processes.process import Command, Process
from tests.servers.certificates import Authority
from tests.servers.loopback import random_prefix
from tests.tools.kubernetes.checkout import Checkout
from tests.tools.trial import TrialError, execute, wait

Document = dict[str, Any]
_PORT = 6443
_START_SECONDS = 180.0
_STOP_SECONDS = 20.0
_COMMAND_SECONDS = 120.0


@dataclass(slots=True)
class Cluster:
    """A running API server, the programs that ask it, and a folder to apply from."""

    folder: Path
    programs: Path
    overlay: str
    """The name of the overlay that is applied to it."""
    definitions: Mapping[str, list[Path]]
    """The files with the definitions of each operator's resources, if the overlay has any."""
    checkout: Checkout
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def place(self) -> Path:
        """The folder of the overlay."""
        return self.checkout.overlay(self.overlay)

    def shell(self, script: str, folder: Path) -> CompletedProcess[str]:
        """Run *script* in *folder* as its reader would; our programs come first in the PATH."""
        path = f'PATH={self.programs}:"$PATH"; '
        return execute(
            *("sh", "-ec", path + script),
            seconds=_COMMAND_SECONDS,
            environment=self._environment(),
            folder=folder,
        )

    def attempt(
        self, *words: str, text: str = "", folder: Path | None = None
    ) -> CompletedProcess[str]:
        """Run kubectl with *text* as its input, whatever its exit status."""
        return execute(
            *(str(self.programs / "kubectl"), *words),
            seconds=_COMMAND_SECONDS,
            environment=self._environment(),
            folder=folder or self.folder,
            text=text,
        )

    def kubectl(self, *words: str, text: str = "", folder: Path | None = None) -> str:
        """Return the output. Raises TrialError for an exit status other than 0, or a warning."""
        done = self.attempt(*words, text=text, folder=folder)
        require_success(done, f"kubectl {' '.join(words)}")
        return done.stdout

    def find(self, *words: str, folder: Path | None = None) -> list[Document]:
        """Return the documents that `kubectl get` finds."""
        found: Document = json.loads(self.kubectl("get", *words, "-o", "json", folder=folder))
        return list(found["items"])

    def logs(self) -> str:
        """Return the last error of each server that has ended."""
        ended = (name for name, each in self.processes.items() if each.poll() is not None)
        return "\n".join(f"{name}: {log_tail.last_error(self._log(name))}" for name in ended)

    @contextmanager
    def running(self, name: str, *arguments: str) -> Iterator[None]:
        """Run a server while the context is open."""
        command = Command(name, arguments, self._log(name), self.folder)
        running = self.processes[name] = Process(command)
        try:
            yield
        finally:
            asyncio.run(process.stop(running, _STOP_SECONDS))

    def is_ready(self) -> bool:
        """Whether the API server answers. Raises TrialError if a server has ended."""
        if ended := self.logs():
            raise TrialError(ended)
        return self.attempt("get", "--raw=/readyz").stdout == "ok"

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _environment(self) -> dict[str, str]:
        # kubectl keeps settings and a cache in the home folder: those of the user do not matter.
        return {"KUBECONFIG": str(self.folder / "config"), "HOME": str(self.folder)}


def require_success(done: CompletedProcess[str], what: str) -> None:
    """Raise TrialError if a command failed, or if the server warned."""
    if done.returncode != 0 or "Warning:" in done.stderr:
        output = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise TrialError(f"{what} ended with {done.returncode}:\n{output}")


@contextmanager
def open_cluster(
    programs: Path, overlay: str, definitions: Mapping[str, list[Path]]
) -> Iterator[Cluster]:
    """Start etcd and an API server; stop both and delete their data at the end."""
    with tempfile.TemporaryDirectory(prefix="catchall-kubernetes-") as name, ExitStack() as stack:
        folder = Path(name)
        checkout = Checkout(folder / "checkout")
        cluster = Cluster(folder, programs, overlay, definitions, checkout)
        host = f"{random_prefix()}.1"
        for program, options in (
            ("server", _etcd_options(folder)),
            ("kube-apiserver", _options(folder, host)),
        ):
            stack.enter_context(cluster.running(program, str(programs / program), *options))
        wait(cluster.is_ready, _START_SECONDS, "the API server answers")
        yield cluster


def _etcd_options(folder: Path) -> Iterator[str]:
    """Yield its options: sockets in *folder*, so that no other user reaches it."""
    yield f"--data-dir={folder / 'etcd'}"
    yield "--unsafe-no-fsync"
    yield f"--listen-client-urls=unix://{folder}/client.sock"
    yield f"--listen-peer-urls=unix://{folder}/peer.sock"
    # Only names: a socket is refused here, and there is no other node to use them.
    yield "--advertise-client-urls=http://localhost:2379"
    yield "--initial-advertise-peer-urls=http://localhost:2380"
    yield "--initial-cluster=default=http://localhost:2380"


def _options(folder: Path, host: str) -> Iterator[str]:
    """Yield the options of the API server; write its certificate, its tokens and kubectl's file."""
    authority = Authority(folder)
    certificate, key = authority.issue("server", host)
    token = secrets.token_urlsafe(32)
    (folder / "tokens.csv").write_text(f'{token},operator,operator,"system:masters"\n')
    _write_config(folder / "config", f"https://{host}:{_PORT}", authority.file, token)
    yield f"--etcd-servers=unix://{folder}/client.sock"
    yield f"--bind-address={host}"
    yield f"--secure-port={_PORT}"
    # It must not be of loopback, and nothing uses it: an address for documentation.
    yield "--advertise-address=192.0.2.1"
    yield "--endpoint-reconciler-type=none"
    yield f"--tls-cert-file={certificate}"
    yield f"--tls-private-key-file={key}"
    yield f"--cert-dir={folder}"
    yield f"--token-auth-file={folder / 'tokens.csv'}"
    yield "--authorization-mode=RBAC"
    # As in most clusters: only the profile of a namespace refuses privileged pods.
    yield "--allow-privileged=true"
    yield "--service-cluster-ip-range=10.96.0.0/16"
    yield "--service-account-issuer=https://kubernetes.default.svc"
    yield f"--service-account-key-file={key}"
    yield f"--service-account-signing-key-file={key}"


def _write_config(file: Path, server: str, authority: Path, token: str) -> None:
    """Write the file that makes kubectl the administrator of the cluster."""
    file.touch(mode=0o600)
    file.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": "trial",
                        "cluster": {
                            "server": server,
                            "certificate-authority": str(authority),
                        },
                    }
                ],
                "users": [{"name": "operator", "user": {"token": token}}],
                "contexts": [
                    {"name": "trial", "context": {"cluster": "trial", "user": "operator"}}
                ],
                "current-context": "trial",
            }
        )
    )
