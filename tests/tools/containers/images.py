"""Make the images: ours from the unchanged Dockerfile, stand-ins for those of others."""

import asyncio
import re
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.downloads import jars
from deploy.downloads.java import fetch_java, find_java
from deploy.servers import cassandra, kafka
from deploy.servers.backends import ARTIFACTS
from tests.tools.containers.engine import FOLDER, Engine, retried
from tests.tools.trial import ROOT, execute, say

IMAGE = "catchall:local"
SUITE = "bookworm"
"""Its Python is 3.11, as in the official image."""
_DOCKERFILE = ROOT / "deploy" / "Dockerfile"
BASE = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", _DOCKERFILE.read_text(), re.MULTILINE)[0]
"""The official image of Python. The stand-in has its name: the Dockerfile is built unchanged."""
_STAND_INS = {
    "kafka": f"docker.io/{kafka.IMAGE}",
    "cassandra": f"docker.io/library/{cassandra.IMAGE}",
}
_PACKAGES = (
    *("base-files", "base-passwd", "coreutils", "dash", "libc-bin"),
    *("python3", "python3-pip", "python-is-python3"),
)
_SECONDS = 600.0
_PIP_SETTINGS = {"cert", "extra-index-url", "index-url", "proxy", "timeout", "trusted-host"}


def build_all(engine: Engine) -> None:
    """Make what is missing; our image is always built, unchanged layers are not."""
    with ThreadPoolExecutor() as pool:
        base = pool.submit(_build_base, engine)
        # In the main thread: the programs that download end with the thread that started them.
        java = asyncio.run(_fetch())
        base.result()
        builds = [
            pool.submit(_build_ours, engine),
            *(pool.submit(_build_stand_in, engine, each, java) for each in _STAND_INS),
        ]
        for each in builds:
            each.result()
    # Layers of earlier builds; recent ones are the cache of the next build.
    engine.run("image", "prune", "--force", "--filter=until=168h")


def _build_base(engine: Engine) -> None:
    """Make the stand-in for the image of Python, unless there is one."""
    if _exists(engine, BASE):
        return
    folder = engine.folder / "base"
    folder.mkdir(exist_ok=True)
    bootstrap = (
        *("mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(_PACKAGES)}"),
        *('--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::Retries "3"'),
        *(SUITE, str(folder / "debian.tar")),
    )
    try:
        retried(*bootstrap, seconds=_SECONDS)
        file = Path(__file__).with_name("python.Dockerfile")
        _build(engine, BASE, file, folder)
    finally:
        shutil.rmtree(folder)


async def _fetch() -> Path:
    """Bring the jars, and Java 17 in one folder; return that folder."""
    java = await find_java(ARTIFACTS, print)
    for wanted in (jars.KAFKA, jars.CASSANDRA):
        await jars.fetch(wanted, ARTIFACTS, java, print)
    return (await fetch_java(ARTIFACTS, print)).parents[1]


def _build_stand_in(engine: Engine, target: str, java: Path) -> None:
    file = Path(__file__).with_name("Dockerfile")
    options = (
        *(f"--target={target}", f"--build-arg=BASE={BASE}"),
        *("--build-context", f"servers={Path(cassandra.__file__).parent}"),
        *("--build-context", f"java={java}"),
    )
    _build(engine, _STAND_INS[target], file, ARTIFACTS.resolve(), *options)


def _build_ours(engine: Engine) -> None:
    # The time of the commit, so that the same commit is the same image.
    commit = execute("git", "show", "--no-patch", "--format=%H %cI", seconds=20)
    revision, created = commit.stdout.split() or ("none", "never")
    labels = (f"--build-arg=REVISION={revision}", f"--build-arg=CREATED={created}")
    options = (*_package_index(), "--build-arg=VERSION=0.1.0", *labels)
    _build(engine, IMAGE, _DOCKERFILE, ROOT, *options)


def _build(engine: Engine, name: str, file: Path, context: Path, *options: str) -> None:
    """Build the image *name*; a first build keeps no layers, as no other may follow.

    Keeping the layers of our image takes a third of its build.
    """
    began = time.monotonic()
    layers = "true" if _exists(engine, name) else "false"
    engine.run(
        *("bud", "--isolation", "chroot", "--network", "host", "--format", "docker"),
        *("--pull-never", f"--layers={layers}", "--tag", name, *options),
        *("--file", str(file), str(context)),
        program="buildah",
        seconds=_SECONDS,
    )
    say(f"built  {time.monotonic() - began:5.1f} s  {name}")


def _exists(engine: Engine, name: str) -> bool:
    return engine.attempt("image", "exists", name).returncode == 0


def _package_index() -> Iterator[str]:
    """Yield the options that give the build this machine's settings of pip, if it has any."""
    listed = execute(sys.executable, "-m", "pip", "config", "list", seconds=20).stdout
    found = dict(re.findall(r"^\S+\.([a-z-]+)='(.*)'$", listed, re.MULTILINE))
    settings = {name: value for name, value in found.items() if name in _PIP_SETTINGS}
    if not settings:
        return
    file = FOLDER / "pip.conf"
    file.touch(mode=0o600)  # an address may contain a password
    file.write_text("[global]\n" + "".join(f"{name} = {settings[name]}\n" for name in settings))
    yield f"--volume={file}:/etc/pip.conf:ro"
    if certificate := settings.get("cert"):
        yield f"--volume={certificate}:{certificate}:ro"
