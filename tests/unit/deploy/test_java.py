"""Which Java is taken."""

from pathlib import Path

import pytest

from deploy.processes.errors import ServersError
from deploy.servers import java


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_392"', 8),
        ("command not found", None),
    ],
)
def test_major_version_is_read(text: str, major: int | None) -> None:
    """The major version is read from old and new ways of printing it."""
    assert java.parse_major(text) == major


async def test_neither_java_nor_uv_says_what_to_install(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a Java 17 and without uv the error names the package that mends it."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ServersError, match="apt install openjdk-17-jre-headless"):
        await java.find_java(tmp_path, lambda _: None)
