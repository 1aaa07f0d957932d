"""Make the images: ours from the unchanged Dockerfile, stand-ins for those of others."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.downloads import jars
from deploy.downloads.java import find_java
from deploy.servers import cassandra, kafka
from deploy.servers.backends import ARTIFACTS
from tests.tools.containers.engine import FOLDER, Engine
from tests.tools.trial import ROOT, NotRunError, execute

IMAGE = "catchall:local"
SUITE = "bookworm"
"""The last Debian with Java 17."""
_DOCKERFILE = ROOT / "deploy" / "Dockerfile"
BASE = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", _DOCKERFILE.read_text(), re.MULTILINE)[0]
"""The official image of Python. The stand-in has its name: the Dockerfile is built unchanged."""
_JAVA = "localhost/java:17"
_STAND_INS = {
    kafka.IMAGE: f"docker.io/{kafka.IMAGE}",
    cassandra.IMAGE: f"docker.io/library/{cassandra.IMAGE}",
}
_PYTHON = ("python3", "python3-venv", "python3-pip", "python-is-python3", "ca-certificates")
_BUILD = ("bud", "--isolation", "chroot", "--network", "host", "--format", "docker", "--layers")
_SECONDS = 600.0
_PIP_SETTINGS = {"cert", "extra-index-url", "index-url", "proxy", "timeout", "trusted-host"}


def build_all(engine: Engine) -> None:
    """Make what is missing; our image is always built, unchanged layers are not."""
    _import(engine, BASE, _PYTHON)
    _import(engine, _JAVA, ("openjdk-17-jre-headless",))
    asyncio.run(_fetch_jars())
    for target, name in zip(("kafka", "cassandra"), _STAND_INS.values(), strict=True):
        engine.run(
            *(*_BUILD, "--pull-never", "--target", target, "--tag", name),
            *("--build-context", f"servers={Path(cassandra.__file__).parent}"),
            *("--file", str(Path(__file__).with_name("Dockerfile")), str(ARTIFACTS.resolve())),
            program="buildah",
            seconds=_SECONDS,
        )
    # The time of the commit, so that the same commit is the same image.
    commit = execute("git", "show", "--no-patch", "--format=%H %cI", seconds=20)
    revision, created = commit.stdout.split() or ("none", "never")
    engine.run(
        *(*_BUILD, "--pull-never", "--tag", IMAGE, *_package_index()),
        *("--build-arg=VERSION=0.1.0", f"--build-arg=REVISION={revision}"),
        *(f"--build-arg=CREATED={created}", "--file", str(_DOCKERFILE), str(ROOT)),
        program="buildah",
        seconds=_SECONDS,
    )
    # Layers of earlier builds; recent ones are the cache of the next build.
    engine.run("image", "prune", "--force", "--filter=until=168h")


def _import(engine: Engine, name: str, packages: tuple[str, ...]) -> None:
    """Make the image *name* of a minimal Debian with *packages*, unless there is one."""
    if engine.attempt("image", "exists", name).returncode == 0:
        return
    archive = engine.folder / "base.tar"
    done = execute(
        *("mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}"),
        *(SUITE, str(archive)),
        seconds=_SECONDS,
    )
    if done.returncode != 0:
        raise NotRunError(f"mmdebstrap: {done.stderr.strip()}")
    engine.run("import", str(archive), name, seconds=_SECONDS)
    archive.unlink()


async def _fetch_jars() -> None:
    java = await find_java(ARTIFACTS, print)
    for wanted in (jars.KAFKA, jars.CASSANDRA):
        await jars.fetch(wanted, ARTIFACTS, java, print)


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
