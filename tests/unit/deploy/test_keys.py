"""Making, changing and retiring keys."""

import json
import stat
from pathlib import Path

import pytest

from deploy.keys import EXIT_REFUSED, main
from shared.auth.api_keys import Keys, parse_file, parse_keys


class Desk:
    """Where keys are handed out."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = folder / "keys.json"
        self._capsys = capsys
        self.said = ""

    def run(self, *words: str) -> int:
        """Run a command, and keep what it says to people."""
        command, *others = words
        status = main([command, "--file", str(self.path), *others])
        self.printed, self.said = self._capsys.readouterr()
        return status

    def secret(self, *words: str) -> str:
        """Return what a command prints, which must be a key and nothing else."""
        assert self.run(*words) == 0, self.said
        (line,) = self.printed.splitlines()
        return line

    @property
    def keys(self) -> Keys:
        """What a node would read."""
        return parse_keys(self.path.read_bytes())


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """A desk without a key."""
    return Desk(tmp_path, capsys)


def test_a_new_key_is_valid_and_the_file_does_not_hold_it(desk: Desk) -> None:
    """The secret is printed alone, for a pipe; the file is its owner's, and nothing lies beside."""
    made = desk.secret("new", "--id", "mailer", "--scope", "ingest", "--requests-per-second", "5")
    key = desk.keys.verify(f"Bearer {made}")

    assert key is not None
    assert (key.id, key.scopes, key.requests_per_second) == ("mailer", frozenset({"ingest"}), 5)
    assert len(made.partition(".")[2]) == 43
    assert made.partition(".")[2] not in desk.path.read_text() + desk.said
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o600
    assert [path.name for path in desk.path.parent.iterdir()] == ["keys.json"]


def test_a_key_changes_its_secret_without_a_moment_with_none(desk: Desk) -> None:
    """Both are valid until the older one is retired; there are never more than two, nor none."""
    first = desk.secret("new", "--id", "both", "--scope", "ingest", "--scope", "query")
    second = desk.secret("rotate", "--id", "both")
    assert all(desk.keys.verify(f"Bearer {each}") for each in (first, second))
    assert desk.run("rotate", "--id", "both") == EXIT_REFUSED
    assert desk.run("list") == 0
    assert desk.printed == "both ingest,query 2 secrets\n"

    assert desk.run("retire", "--id", "both") == 0
    assert desk.keys.verify(f"Bearer {first}") is None
    assert desk.keys.verify(f"Bearer {second}") is not None
    assert desk.run("retire", "--id", "both") == EXIT_REFUSED
    assert desk.run("remove", "--id", "both") == 0
    assert desk.keys.verify(f"Bearer {second}") is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new", "--id", "there", "--scope", "query"], "there is a key there already"),
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
def test_what_cannot_be_done_leaves_the_file_as_it_is(
    desk: Desk, words: list[str], said: str
) -> None:
    """One line says why, and no secret is printed."""
    desk.secret("new", "--id", "there", "--scope", "ingest")
    before = desk.path.read_bytes()

    assert desk.run(*words) == EXIT_REFUSED
    assert said in desk.said
    assert desk.printed == ""
    assert desk.path.read_bytes() == before
    assert [path.name for path in desk.path.parent.iterdir()] == ["keys.json"]


def test_a_file_that_is_wrong_is_not_written_over(desk: Desk) -> None:
    """Whoever changed it by hand is told what to mend."""
    desk.path.write_text(json.dumps({"keys": [{"id": "a"}]}))

    assert desk.run("new", "--id", "b", "--scope", "query") == EXIT_REFUSED
    assert "keys[0].sha256: " in desk.said
    assert parse_raises(desk.path)


def parse_raises(path: Path) -> bool:
    """Whether the file is still wrong."""
    try:
        parse_file(path.read_bytes())
    except Exception:  # noqa: BLE001 any of them
        return True
    return False


def test_a_file_that_is_not_there_is_said_so(desk: Desk) -> None:
    """Only a first key makes one."""
    assert desk.run("rotate", "--id", "a") == EXIT_REFUSED
    assert "No such file" in desk.said
    assert not desk.path.exists()


def test_a_link_to_the_file_stays_a_link(desk: Desk, tmp_path: Path) -> None:
    """What it leads to is replaced."""
    behind = tmp_path / "behind"
    behind.mkdir()
    desk.path.symlink_to(behind / "real.json")
    made = desk.secret("new", "--id", "mailer", "--scope", "ingest")

    assert desk.path.is_symlink()
    assert desk.keys.verify(f"Bearer {made}") is not None
