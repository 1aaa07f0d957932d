"""Podman and Buildah: bring them, give them a store of their own, isolate a run.

Images are kept below ``.local/containers``. A run has a store on top of them, and namespaces of
its own for processes, network and mounts: nothing of it outlives its first process, and it neither
sees nor changes the network of the machine.
"""

import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tests.tools.trial import ROOT, NotRunError, TrialError, execute, say

FOLDER = (ROOT / ".local").resolve() / "containers"
_PACKAGES = {
    # A program, and the package of Debian that has it.
    "podman": "podman",
    "buildah": "buildah",
    "runc": "runc",
    "catatonit": "catatonit",
    "mmdebstrap": "mmdebstrap",
    "iptables": "iptables",
    "ip": "iproute2",
    "/usr/lib/podman/netavark": "netavark",
}
_INSTALL_SECONDS = 600.0
_INSTALL = (
    *("apt-get", "-qq", "install", "-y", "--no-install-recommends"),
    *("-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120"),
    # Without manuals, and so without their index, which took 12 of 25 seconds.
    *("-o", "Dpkg::Options::=--path-exclude=/usr/share/man/*"),
    *("-o", "Dpkg::Options::=--force-unsafe-io"),
)
_UPDATE = ("apt-get", "-qq", "update")
"""Not needed on a machine whose lists of packages are recent."""
_ATTEMPTS = 3
_NAMESPACES = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


@dataclass(frozen=True, slots=True)
class Engine:
    """Podman with the store in *folder*, on top of the images of the stores *below*."""

    folder: Path
    below: tuple[Path, ...] = ()

    def configure(self) -> None:
        """Write its settings."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # Podman's own limits are higher than some machines allow. A build lowers the number of
        # processes itself, and cannot raise it again.
        kinds = {"nofile": resource.RLIMIT_NOFILE}
        kinds |= {"nproc": resource.RLIMIT_NPROC} if self.below else {}
        hard = {name: resource.getrlimit(kind)[1] for name, kind in kinds.items()}
        limits = [f"{name}={most}:{most}" for name, most in hard.items()]
        # Without systemd podman makes its cgroups itself; crun fails where there are both versions.
        (self.folder / "containers.conf").write_text(
            f"[containers]\ndefault_ulimits = {limits}\n"
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
            f'tmp_dir = "{self.folder}/state"\n'
            f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "{self.folder}/net"\n'
        )
        driver = "overlay" if "overlay" in Path("/proc/filesystems").read_text() else "vfs"
        (self.folder / "storage.conf").write_text(
            f'[storage]\ndriver = "{driver}"\n'
            f'graphroot = "{self.folder}/store"\nrunroot = "{self.folder}/running"\n'
            f"[storage.options]\nadditionalimagestores = {[str(each) for each in self.below]}\n"
        )

    @property
    def store(self) -> Path:
        """The folder with its images."""
        return self.folder / "store"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that name its settings."""
        return {
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
        }

    def attempt(
        self, *words: str, program: str = "podman", seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run podman, or another *program*, whatever its exit status."""
        return execute(program, *words, seconds=seconds, environment=self.environment)

    def run(self, *words: str, program: str = "podman", seconds: float = 60.0) -> str:
        """Return the output. Raises TrialError with its errors if the exit status is not 0."""
        done = self.attempt(*words, program=program, seconds=seconds)
        if done.returncode != 0:
            text = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
            raise TrialError(f"{program} {' '.join(words)} ended with {done.returncode}:\n{text}")
        return done.stdout.strip()


def install() -> str:
    """Install the missing programs; return the version of podman. Raises NotRunError."""
    missing = [package for name, package in _PACKAGES.items() if shutil.which(name) is None]
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        raise NotRunError("containers need root on Linux")
    if missing:
        if shutil.which("apt-get") is None:
            raise NotRunError(f"{', '.join(missing)} missing, and no apt-get to install them")
        retried(*_INSTALL, *missing, seconds=_INSTALL_SECONDS, mend=_UPDATE)
    probe = execute("unshare", *_NAMESPACES, "--net", "true", seconds=20)
    if probe.returncode != 0:
        raise NotRunError(f"a run needs its own namespaces: {probe.stderr.strip()}")
    return execute("podman", "--version", seconds=20).stdout.strip()


def retried(*words: str, seconds: float, mend: tuple[str, ...] = ("sleep", "5")) -> None:
    """Run a command that downloads. If it fails, run *mend* and try again.

    Raises NotRunError after the third failure.
    """
    for left in reversed(range(_ATTEMPTS)):
        began = time.monotonic()
        done = execute(*words, seconds=seconds)
        if done.returncode == 0:
            say(f"ran    {time.monotonic() - began:5.1f} s  {words[0]}")
            return
        say(f"{words[0]} ended with {done.returncode}; attempts left: {left}")
        if left:
            execute(*mend, seconds=seconds)
    raise NotRunError(f"{words[0]}: {done.stderr.strip()}")


def isolate(*command: str) -> NoReturn:
    """Replace this process by *command* in namespaces of its own for processes and mounts.

    All of them end with the first process, which reaps the others.
    """
    _replace("unshare", *_NAMESPACES, "catatonit", "--", *command)


def leave_network(*command: str) -> NoReturn:
    """Replace this process by *command* in a network of its own, which has only a loopback."""
    _replace("unshare", "--net", *command)


def _replace(*words: str) -> NoReturn:
    sys.stdout.flush()
    os.execvp(words[0], words)  # noqa: S606 no shell is wanted
