"""Which Java is used."""

from pathlib import Path

import pytest

from deploy.downloads import java
from deploy.processes.errors import ServersError


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
    """Old and new formats are understood."""
    assert java.parse_major(text) == major


async def test_without_java_and_uv_the_error_names_the_package(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message ends with the remedy."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ServersError, match="apt install openjdk-17-jre-headless"):
        await java.find_java(tmp_path, lambda _: None)
