"""Build the API server, etcd, kubectl and kustomize from their Go modules, once."""

import json
import re
import shutil
from pathlib import Path

from deploy.downloads import folders
from deploy.processes import ports
from tests.tools.trial import ROOT, NotRunError, execute, say

FOLDER = (ROOT / ".local").resolve() / "kubernetes"
VERSION = "1.36.3"
PACKAGES = {
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kustomize": "sigs.k8s.io/kustomize/kustomize/v5",
    "server": "go.etcd.io/etcd/server/v3",
}
"""The program that Go makes of each package. Kubernetes' module names the versions of all."""
_LEAST_GO = (1, 21)
"""The first Go that downloads a newer one, if a module needs that."""
_LEAST_FREE_BYTES = 5 * 1024**3
_BUILD_SECONDS = 3600.0
_DOWNLOAD_SECONDS = 300.0


def build() -> Path:
    """Return the folder with the programs. Raises NotRunError if they cannot be built."""
    place = FOLDER / f"programs-{VERSION}"
    if place.exists():
        return place
    _require_go()
    ports.require_disk(FOLDER, _LEAST_FREE_BYTES)
    say(f"building {', '.join(PACKAGES)} {VERSION} (only on first use; some ten minutes of CPU)")
    with folders.unfinished(place) as fresh:
        kubernetes = download(f"k8s.io/kubernetes@v{VERSION}")
        (fresh / "go.mod").write_text(wrapper((kubernetes / "go.mod").read_text()))
        flags = f"-s -w -X k8s.io/component-base/version.gitVersion=v{VERSION}"
        done = execute(
            *("go", "build", "-mod=mod", "-p=2", f"-ldflags={flags}"),
            *("-o", f"{fresh / 'bin'}/", *PACKAGES.values()),
            seconds=_BUILD_SECONDS,
            folder=fresh,
        )
        if done.returncode != 0:
            raise NotRunError(f"go build ended with {done.returncode}:\n{done.stderr[-2000:]}")
        folders.finish(fresh / "bin", place)
    return place


def wrapper(kubernetes: str) -> str:
    """Return the module that builds Kubernetes from published modules.

    *kubernetes* is its own go.mod: it takes some modules from its folder `staging`, which the
    published module does not have. They are published on their own, as version 0 instead of 1.
    """
    (language,) = re.findall(r"^go \S+$", kubernetes, re.MULTILINE)
    staging = re.findall(r"^\s*(\S+) => \./staging/", kubernetes, re.MULTILINE)
    lines = [
        *("module trial", language, f"require k8s.io/kubernetes v{VERSION}"),
        *(f"replace {name} => {name} v0.{VERSION.partition('.')[2]}" for name in staging),
    ]
    return "\n".join(lines) + "\n"


def download(module: str) -> Path:
    """Return the folder of a Go module. Raises NotRunError if it cannot be downloaded."""
    _require_go()
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = execute(
        "go", "mod", "download", "-json", module, seconds=_DOWNLOAD_SECONDS, folder=FOLDER
    )
    found = json.loads(done.stdout or "{}")
    if "Dir" not in found:
        reason = found.get("Error", done.stderr).strip().splitlines() or ["no reason given"]
        raise NotRunError(f"cannot download the Go module {module}: {reason[-1].strip()}")
    return Path(found["Dir"])


def _require_go() -> None:
    remedy = f"install Go {'.'.join(map(str, _LEAST_GO))} or newer"
    if shutil.which("go") is None:
        raise NotRunError(f"Go is missing: {remedy}")
    text = execute("go", "version", seconds=60, folder=Path("/")).stdout
    found = re.search(r"go(\d+)\.(\d+)", text)
    if found is None or (int(found[1]), int(found[2])) < _LEAST_GO:
        raise NotRunError(f"{text.strip()} is too old: {remedy}")
