"""The command that creates and revokes API keys."""

import json
import stat
from pathlib import Path

import pytest

from deploy.keys import EXIT_REFUSED, main
from shared.auth.api_keys import ApiKeys, parse_api_keys, parse_key_file


class KeyTool:
    """The command on one key file, with its captured output."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = folder / "keys.json"
        self._capsys = capsys
        self.errors = ""

    def run(self, *words: str) -> int:
        """Run a command and capture its output."""
        command, *others = words
        status = main([command, "--file", str(self.path), *others])
        self.output, self.errors = self._capsys.readouterr()
        return status

    def secret(self, *words: str) -> str:
        """Run a command and return its output, which must be one key and nothing else."""
        assert self.run(*words) == 0, self.errors
        (line,) = self.output.splitlines()
        return line

    @property
    def keys(self) -> ApiKeys:
        """The keys that a node would read."""
        return parse_api_keys(self.path.read_bytes())


@pytest.fixture
def tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> KeyTool:
    """The command with a key file that does not exist yet."""
    return KeyTool(tmp_path, capsys)


def test_a_new_key_is_valid_and_the_file_has_no_secret(tool: KeyTool) -> None:
    """Standard output has only the key; only the owner can read the file; no other file is left."""
    made = tool.secret("new", "--id", "mailer", "--scope", "ingest", "--requests-per-second", "5")
    key = tool.keys.verify(f"Bearer {made}")

    assert key is not None
    assert (key.id, key.scopes, key.requests_per_second) == ("mailer", frozenset({"ingest"}), 5)
    assert len(made.partition(".")[2]) == 43
    assert made.partition(".")[2] not in tool.path.read_text() + tool.errors
    assert stat.S_IMODE(tool.path.stat().st_mode) == 0o600
    assert [path.name for path in tool.path.parent.iterdir()] == ["keys.json"]


def test_a_secret_is_rotated_without_interruption(tool: KeyTool) -> None:
    """Both secrets are valid until the older one is retired; a key has one or two secrets."""
    first = tool.secret("new", "--id", "both", "--scope", "ingest", "--scope", "query")
    second = tool.secret("rotate", "--id", "both")
    assert all(tool.keys.verify(f"Bearer {each}") for each in (first, second))
    assert tool.run("rotate", "--id", "both") == EXIT_REFUSED
    assert tool.run("list") == 0
    assert tool.output == "both ingest,query 2 secrets\n"

    assert tool.run("retire", "--id", "both") == 0
    assert tool.keys.verify(f"Bearer {first}") is None
    assert tool.keys.verify(f"Bearer {second}") is not None
    assert tool.run("retire", "--id", "both") == EXIT_REFUSED
    assert tool.run("remove", "--id", "both") == 0
    assert tool.keys.verify(f"Bearer {second}") is None


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["new", "--id", "there", "--scope", "query"], "the key there exists already"),
        (["new", "--id", "a.b", "--scope", "query"], "keys[1].id: "),
        (
            ["new", "--id", "b", "--scope", "query", "--events-per-second", "0"],
            "keys[1].events_per_second: ",
        ),
        (["rotate", "--id", "gone"], "there is no key gone"),
        (["retire", "--id", "gone"], "there is no key gone"),
        (["remove", "--id", "gone"], "there is no key gone"),
    ],
)
def test_a_refused_command_leaves_the_file_unchanged(
    tool: KeyTool, words: list[str], error: str
) -> None:
    """One line gives the reason, and no secret is printed."""
    tool.secret("new", "--id", "there", "--scope", "ingest")
    before = tool.path.read_bytes()

    assert tool.run(*words) == EXIT_REFUSED
    assert error in tool.errors
    assert tool.output == ""
    assert tool.path.read_bytes() == before
    assert [path.name for path in tool.path.parent.iterdir()] == ["keys.json"]


def test_an_invalid_file_is_not_overwritten(tool: KeyTool) -> None:
    """The message names what is wrong in it."""
    tool.path.write_text(json.dumps({"keys": [{"id": "a"}]}))

    assert tool.run("new", "--id", "b", "--scope", "query") == EXIT_REFUSED
    assert "keys[0].sha256: " in tool.errors
    assert parse_raises(tool.path)


def parse_raises(path: Path) -> bool:
    """Return whether the file is invalid."""
    try:
        parse_key_file(path.read_bytes())
    except Exception:  # noqa: BLE001 any of them
        return True
    return False


def test_a_missing_file_is_reported(tool: KeyTool) -> None:
    """Only `new` creates it."""
    assert tool.run("rotate", "--id", "a") == EXIT_REFUSED
    assert "No such file" in tool.errors
    assert not tool.path.exists()


def test_a_symbolic_link_stays_a_link(tool: KeyTool, tmp_path: Path) -> None:
    """The target of the link is replaced."""
    behind = tmp_path / "behind"
    behind.mkdir()
    tool.path.symlink_to(behind / "real.json")
    made = tool.secret("new", "--id", "mailer", "--scope", "ingest")

    assert tool.path.is_symlink()
    assert tool.keys.verify(f"Bearer {made}") is not None
