"""Fetch the jars of Kafka and Cassandra by Maven, once, and check every one of them."""

import asyncio
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.processes import log_tail, process
from deploy.processes.errors import ServersError
from deploy.processes.process import Command
from deploy.servers import downloads

_LIMIT_SECONDS = 600
_STAMP = ".checked"
_PLUGIN = ("org.apache.maven.plugins", "maven-dependency-plugin", "3.8.1")


@dataclass(frozen=True, slots=True)
class Distribution:
    """What to ask Maven for, and the committed list of what must come of it."""

    name: str
    coordinates: tuple[tuple[str, str, str], ...]
    hashes: Path


KAFKA = Distribution(
    "kafka-4.3.1",
    # Without the binding of its SLF4J line, Kafka logs nothing.
    (("org.apache.kafka", "kafka_2.13", "4.3.1"), ("org.slf4j", "slf4j-simple", "1.7.36")),
    Path(__file__).with_name("kafka.sha256"),
)
CASSANDRA = Distribution(
    "cassandra-5.0.8",
    (("org.apache.cassandra", "cassandra-all", "5.0.8"),),
    Path(__file__).with_name("cassandra.sha256"),
)


async def fetch(
    wanted: Distribution,
    artifacts: Path,
    java: Path,
    report: Callable[[str], None],
) -> Path:
    """Return the folder with the checked jars of *wanted*, downloading them on first use.

    A folder under its final name is whole: a download becomes one by a rename at its end.
    """
    folder = artifacts / wanted.name
    hashes = parse_hashes(wanted.hashes.read_text())
    if await asyncio.to_thread(_is_good, folder, hashes):
        return folder
    report(f"fetching {wanted.name} by Maven (once)")
    with downloads.unfinished(folder) as fresh:
        await _download(wanted, fresh, artifacts / f"{wanted.name}.log", java)
        jars = fresh / "jars"
        if wrong := await asyncio.to_thread(differences, jars, hashes):
            raise ServersError(
                f"{wanted.name}: {wrong[0]} ({len(wrong)} in all), so what Maven fetched is not "
                f"what {wanted.hashes.name} lists: empty Maven's local repository and try again",
            )
        _write_stamp(jars, hashes)
        downloads.finish(jars, folder)
    return folder


def pom(wanted: Distribution) -> str:
    """Return the project file by which Maven resolves *wanted*."""

    def coordinates(group: str, artifact: str, version: str) -> str:
        return (
            f"<groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version>"
        )

    dependencies = "".join(
        f"<dependency>{coordinates(*each)}</dependency>" for each in wanted.coordinates
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"{coordinates('catchall', 'servers', '1')}<packaging>pom</packaging>"
        f"<build><plugins><plugin>{coordinates(*_PLUGIN)}</plugin></plugins></build>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def parse_hashes(text: str) -> dict[str, str]:
    """Read a list as `sha256sum` writes it: file name to hash."""
    pairs = (line.split() for line in text.splitlines() if line.strip())
    return {name.removeprefix("*"): digest for digest, name in pairs}


def differences(folder: Path, hashes: Mapping[str, str]) -> list[str]:
    """Report for each jar how it differs from the list; reads every byte."""
    found = {path.name: path for path in folder.glob("*.jar")}
    said = [f"{name} is missing" for name in hashes if name not in found]
    said += [f"{name} is not listed" for name in found if name not in hashes]
    for name in hashes.keys() & found.keys():
        with found[name].open("rb") as jar:
            if hashlib.file_digest(jar, "sha256").hexdigest() != hashes[name]:
                said.append(f"{name} has another hash")
    return sorted(said)


def _is_good(folder: Path, hashes: Mapping[str, str]) -> bool:
    """Believe the stamp of an earlier check; without a fitting one, check again."""
    if not folder.is_dir():
        return False
    stamp = folder / _STAMP
    if stamp.exists() and stamp.read_text() == _stamp(folder, hashes):
        return True
    if differences(folder, hashes):
        return False
    _write_stamp(folder, hashes)
    return True


def _stamp(folder: Path, hashes: Mapping[str, str]) -> str:
    """Sum up the list and the jars' names, sizes and times: cheap to compare at each start."""
    states = {path.name: path.stat() for path in sorted(folder.glob("*.jar"))}
    jars = {name: [state.st_size, state.st_mtime_ns] for name, state in states.items()}
    return json.dumps({"hashes": dict(hashes), "jars": jars}, sort_keys=True)


def _write_stamp(folder: Path, hashes: Mapping[str, str]) -> None:
    (folder / _STAMP).write_text(_stamp(folder, hashes))


async def _download(wanted: Distribution, fresh: Path, log: Path, java: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServersError(
            f"Maven is missing, which fetches {wanted.name}: install it (`apt install maven`), "
            "start a Docker engine, or set KAFKA_BOOTSTRAP_SERVERS and CASSANDRA_CONTACT_POINTS",
        )
    _lay_out(wanted, fresh, log)
    command = Command(
        wanted.name,
        (
            *(maven, "-B", "-q", "-Dstyle.color=never", "dependency:copy-dependencies"),
            *("-DincludeScope=runtime", f"-DoutputDirectory={fresh / 'jars'}"),
        ),
        log,
        fresh,
        {"JAVA_HOME": str(_maven_home(java))},
    )
    try:
        status = await process.run(command, process.launch, _LIMIT_SECONDS)
    except TimeoutError as error:
        raise ServersError(
            f"{wanted.name}: Maven did not end within {_LIMIT_SECONDS} s: see {log}, try again",
        ) from error
    if status != 0:
        raise ServersError(
            f"{wanted.name}: Maven failed ({_complaint(log)}): see {log}, then try again",
        )


def _lay_out(wanted: Distribution, fresh: Path, log: Path) -> None:
    (fresh / "pom.xml").write_text(pom(wanted))
    # The first error in it must be of this try.
    log.unlink(missing_ok=True)


def complaint(text: str) -> str:
    """Return Maven's first error: those that follow explain how to read it."""
    found = re.search(r"\[ERROR\] (.+?)(?: -> \[Help 1\])?$", text, re.MULTILINE)
    return found[1] if found else log_tail.pick_line(text.splitlines())


def _complaint(log: Path) -> str:
    return complaint(log.read_text(errors="replace"))


def _maven_home(java: Path) -> Path:
    """Prefer the machine's own Java, of any version: it knows the machine's certificates."""
    return Path(shutil.which("java") or java).resolve().parent.parent
