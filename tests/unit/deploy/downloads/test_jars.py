"""The jars of Kafka and Cassandra: lists, verification, download."""

import hashlib
from pathlib import Path

import pytest

from deploy.downloads import jars
from deploy.downloads.jars import CASSANDRA, KAFKA, Distribution
from deploy.processes.errors import ServersError

JAVA = Path("/usr/bin/java")


def silent(_: str) -> None:
    """Ignore a progress line."""


@pytest.fixture
def small(tmp_path: Path) -> Distribution:
    """A distribution of two jars that exist in the artifacts folder of *tmp_path*."""
    folder = tmp_path / "artifacts" / "small-1"
    folder.mkdir(parents=True)
    lines = []
    for name in ("a.jar", "b.jar"):
        (folder / name).write_text(name)
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    hashes = tmp_path / "small.sha256"
    hashes.write_text("".join(lines))
    return Distribution("small-1", (("group", "small", "1"),), hashes)


@pytest.fixture
def without_maven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide every program, so that a use of Maven fails."""
    monkeypatch.setenv("PATH", "")


@pytest.mark.parametrize(
    ("wanted", "count", "jar"),
    [(KAFKA, 46, "kafka_2.13-4.3.1.jar"), (CASSANDRA, 100, "apache-cassandra-5.0.8.jar")],
)
def test_committed_lists_are_complete(wanted: Distribution, count: int, jar: str) -> None:
    """Each committed list names every jar of its distribution with a SHA-256."""
    hashes = jars.parse_hashes(wanted.hashes.read_text())
    assert len(hashes) == count
    assert jar in hashes or jar.removeprefix("apache-").replace("-5", "-all-5") in hashes
    assert all(len(digest) == 64 for digest in hashes.values())


def test_pom_pins_every_version() -> None:
    """The project file asks for Kafka and its logging, each with a version."""
    text = jars.pom(KAFKA)
    assert "<artifactId>kafka_2.13</artifactId><version>4.3.1</version>" in text
    assert "<artifactId>slf4j-simple</artifactId><version>1.7.36</version>" in text
    assert text.count("<version>") == 2 + len(KAFKA.coordinates)


def test_differences_name_each_wrong_jar(small: Distribution, tmp_path: Path) -> None:
    """A changed, a missing and an unlisted jar are each named with what is wrong."""
    folder = tmp_path / "artifacts" / "small-1"
    hashes = jars.parse_hashes(small.hashes.read_text())
    assert jars.differences(folder, hashes) == []
    (folder / "a.jar").write_text("other")
    (folder / "b.jar").rename(folder / "c.jar")
    assert jars.differences(folder, hashes) == [
        "a.jar has another hash",
        "b.jar is missing",
        "c.jar is not listed",
    ]


@pytest.mark.usefixtures("without_maven")
async def test_verified_jars_are_not_read_again(
    small: Distribution,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Verified jars are used again without Maven and without reading them."""
    first = await jars.fetch(small, tmp_path / "artifacts", JAVA, silent)

    def fail(*_: object) -> list[str]:
        raise AssertionError("hashed again")

    monkeypatch.setattr(jars, "differences", fail)
    assert await jars.fetch(small, tmp_path / "artifacts", JAVA, silent) == first


@pytest.mark.usefixtures("without_maven")
async def test_a_changed_jar_is_downloaded_again(small: Distribution, tmp_path: Path) -> None:
    """A jar that changed after its check is downloaded again; here Maven is missing."""
    folder = await jars.fetch(small, tmp_path / "artifacts", JAVA, silent)
    (folder / "a.jar").write_text("something longer")
    with pytest.raises(ServersError, match=r"Maven is missing.*apt install maven"):
        await jars.fetch(small, tmp_path / "artifacts", JAVA, silent)


@pytest.mark.usefixtures("without_maven")
async def test_a_failed_download_leaves_nothing(small: Distribution, tmp_path: Path) -> None:
    """A failed download leaves no folder that a later run could use."""
    empty = tmp_path / "empty"
    with pytest.raises(ServersError):
        await jars.fetch(small, empty, JAVA, silent)
    assert list(empty.iterdir()) == []


def test_the_first_error_of_maven_is_returned() -> None:
    """The later errors only explain how to get help."""
    text = "[INFO] x\n[ERROR] No plugin found -> [Help 1]\n[ERROR] \n[ERROR] To see the stack\n"
    assert jars.first_error(text) == "No plugin found"
