"""Find promtool, the checker of Prometheus rules: on the PATH, or from Debian's package.

The package is unpacked once and not installed: no service is started, and nothing outside the
project's folder changes.
"""

import os
import shutil
import subprocess
from pathlib import Path

from deploy.downloads import folders

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".local" / "artifacts" / "promtool"
_PACKAGE = "prometheus"
_DOWNLOAD_SECONDS = 120


def find_promtool() -> Path | str:
    """Return the path of promtool (downloaded on first use), or the reason why there is none."""
    if (installed := shutil.which("promtool")) is not None:
        return Path(installed)
    unpacked = FOLDER / "promtool"
    if unpacked.exists():
        return unpacked
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return "promtool is not on the PATH, and apt-get, which could download it, is missing"
    try:
        with folders.unfinished(FOLDER) as fresh:
            _run(fresh, "apt-get", "download", _PACKAGE)
            (package,) = fresh.glob("*.deb")
            _run(fresh, "dpkg-deb", "-x", str(package), "root")
            ready = fresh / "ready"
            ready.mkdir()
            (fresh / "root" / "usr" / "bin" / "promtool").rename(ready / "promtool")
            folders.finish(ready, FOLDER)
    except subprocess.CalledProcessError as error:
        return f"{error.cmd} ended with {error.returncode}: {error.stderr[-500:]}"
    except subprocess.TimeoutExpired as error:
        return str(error)
    return unpacked


def _run(folder: Path, *command: str) -> None:
    subprocess.run(
        command,
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=_DOWNLOAD_SECONDS,
        env={**os.environ, "LC_ALL": "C"},
    )
