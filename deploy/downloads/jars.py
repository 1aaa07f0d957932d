"""Download the jars of Kafka and Cassandra with Maven, once, and verify each one's SHA-256."""

import asyncio
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.downloads import folders
from deploy.processes import log_tail, process
from deploy.processes.errors import ServersError
from deploy.processes.process import Command

_LIMIT_SECONDS = 600
_STAMP = ".checked"
_PLUGIN = ("org.apache.maven.plugins", "maven-dependency-plugin", "3.8.1")


@dataclass(frozen=True, slots=True)
class Distribution:
    """A Maven download, and the committed list of the jars it must contain."""

    name: str
    coordinates: tuple[tuple[str, str, str], ...]
    hashes: Path


KAFKA = Distribution(
    "kafka-4.3.1",
    # Kafka logs nothing without an SLF4J binding.
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
    """Return the folder with the verified jars of *wanted*; download them on first use.

    A folder with its final name is complete: a download is renamed only at its end.
    """
    folder = artifacts / wanted.name
    hashes = parse_hashes(wanted.hashes.read_text())
    if await asyncio.to_thread(_is_verified, folder, hashes):
        return folder
    report(f"downloading {wanted.name} with Maven (only on first use)")
    with folders.unfinished(folder) as fresh:
        await _download(wanted, fresh, artifacts / f"{wanted.name}.log", java)
        jars = fresh / "jars"
        if wrong := await asyncio.to_thread(differences, jars, hashes):
            raise ServersError(
                f"{wanted.name}: {wrong[0]} ({len(wrong)} in all), so the download differs from "
                f"{wanted.hashes.name}: empty Maven's local repository and try again",
            )
        _write_stamp(jars, hashes)
        folders.finish(jars, folder)
    return folder


def pom(wanted: Distribution) -> str:
    """Return the Maven project file (pom.xml) that resolves *wanted*."""

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
    """Parse the output of `sha256sum` into a hash per file name."""
    pairs = (line.split() for line in text.splitlines() if line.strip())
    return {name.removeprefix("*"): digest for digest, name in pairs}


def differences(folder: Path, hashes: Mapping[str, str]) -> list[str]:
    """Return one line for each jar that differs from the list. Reads every byte."""
    found = {path.name: path for path in folder.glob("*.jar")}
    problems = [f"{name} is missing" for name in hashes if name not in found]
    problems += [f"{name} is not listed" for name in found if name not in hashes]
    for name in hashes.keys() & found.keys():
        with found[name].open("rb") as jar:
            if hashlib.file_digest(jar, "sha256").hexdigest() != hashes[name]:
                problems.append(f"{name} has another hash")
    return sorted(problems)


def _is_verified(folder: Path, hashes: Mapping[str, str]) -> bool:
    """Trust the stamp of an earlier check; if it does not match, verify every jar."""
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
    """Return the hashes with the jars' names, sizes and times: cheap to compare at each start."""
    states = {path.name: path.stat() for path in sorted(folder.glob("*.jar"))}
    jars = {name: [state.st_size, state.st_mtime_ns] for name, state in states.items()}
    return json.dumps({"hashes": dict(hashes), "jars": jars}, sort_keys=True)


def _write_stamp(folder: Path, hashes: Mapping[str, str]) -> None:
    (folder / _STAMP).write_text(_stamp(folder, hashes))


async def _download(wanted: Distribution, fresh: Path, log: Path, java: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServersError(
            f"Maven is missing; it downloads {wanted.name}: install it (`apt install maven`), "
            "start a Docker engine, or set KAFKA_BOOTSTRAP_SERVERS and CASSANDRA_CONTACT_POINTS",
        )
    _write_project(wanted, fresh, log)
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
            f"{wanted.name}: Maven took more than {_LIMIT_SECONDS} s: see {log}, then try again",
        ) from error
    if status != 0:
        output = await asyncio.to_thread(log.read_text, errors="replace")
        raise ServersError(
            f"{wanted.name}: Maven failed ({first_error(output)}): see {log}, then try again",
        )


def _write_project(wanted: Distribution, fresh: Path, log: Path) -> None:
    (fresh / "pom.xml").write_text(pom(wanted))
    # The first error in the log must be one of this attempt.
    log.unlink(missing_ok=True)


def first_error(text: str) -> str:
    """Return the first error in Maven's output; the later ones only explain how to get help."""
    found = re.search(r"\[ERROR\] (.+?)(?: -> \[Help 1\])?$", text, re.MULTILINE)
    return found[1] if found else log_tail.pick_line(text.splitlines())


def _maven_home(java: Path) -> Path:
    """Prefer the machine's Java, of any version: it trusts the machine's certificates."""
    return Path(shutil.which("java") or java).resolve().parent.parent
