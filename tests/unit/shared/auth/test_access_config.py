"""The settings of API keys."""

import json
import os
from pathlib import Path

import pytest

from shared.auth.api_keys import hash_secret
from shared.auth.config import AccessConfig, is_loopback, read_access
from shared.config import EnvironmentReader
from shared.errors import ConfigError


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of the machine."""
    for name in list(os.environ):
        if name.startswith("ACCESS_"):
            monkeypatch.delenv(name)


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """A file with one API key."""
    path = tmp_path / "keys.json"
    key = {"id": "a", "sha256": [hash_secret("x")], "scopes": ["query"]}
    path.write_text(json.dumps({"keys": [key]}))
    return path


def read(host: str) -> AccessConfig:
    """Return the configuration of a node that listens on *host*."""
    reader = EnvironmentReader()
    config = read_access(reader, host)
    reader.check()
    return config


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((host, True) for host in ("127.0.0.1", "127.77.1.2", "::1", "localhost")),
        *((host, False) for host in ("0.0.0.0", "::", "", "10.0.0.1", "example.com")),  # noqa: S104
        ("localhost.example.com", False),
    ],
)
def test_only_a_node_on_loopback_runs_open_by_default(
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    loopback: bool,  # noqa: FBT001 a parameter
) -> None:
    """On any other address it needs a key file, or the mode ``open``."""
    assert is_loopback(host) == loopback
    if loopback:
        assert read(host).keys is None
    else:
        with pytest.raises(ConfigError) as raised:
            read(host)
        (problem,) = raised.value.problems
        assert "python -m deploy.keys new" in problem
        assert "ACCESS_MODE=open" in problem
    monkeypatch.setenv("ACCESS_MODE", "open")
    assert read(host).keys is None


def test_a_key_file_closes_a_node_on_every_address(
    monkeypatch: pytest.MonkeyPatch, keys_file: Path
) -> None:
    """With the mode or without it."""
    monkeypatch.setenv("ACCESS_KEYS_FILE", str(keys_file))
    for host in ("127.0.0.1", "0.0.0.0"):  # noqa: S104 nobody listens
        keys = read(host).keys
        assert keys is not None
        assert list(keys.by_id) == ["a"]
    monkeypatch.setenv("ACCESS_MODE", "keys")
    assert read("127.0.0.1").keys is not None


@pytest.mark.parametrize(
    ("environment", "problems"),
    [
        ({"ACCESS_MODE": "open", "ACCESS_KEYS_FILE": "FILE"}, ["ACCESS_MODE: it is open, but"]),
        ({"ACCESS_MODE": "keys"}, ["ACCESS_MODE: it is keys, so"]),
        ({"ACCESS_MODE": "closed"}, ["ACCESS_MODE: "]),
        ({"ACCESS_KEYS_FILE": "/nowhere/keys"}, ["ACCESS_KEYS_FILE: /nowhere/keys: No such file"]),
        ({"ACCESS_EVENTS_PER_SECOND": "0"}, ["ACCESS_EVENTS_PER_SECOND: "]),
        (
            {"ACCESS_REQUESTS_PER_SECOND": "inf", "ACCESS_MODE": "x"},
            ["ACCESS_MODE: ", "ACCESS_REQUESTS_PER_SECOND: "],
        ),
    ],
)
def test_a_problem_is_reported_with_its_variable(
    monkeypatch: pytest.MonkeyPatch,
    keys_file: Path,
    environment: dict[str, str],
    problems: list[str],
) -> None:
    """Each problem in a separate line."""
    for name, value in environment.items():
        monkeypatch.setenv(name, str(keys_file) if value == "FILE" else value)
    with pytest.raises(ConfigError) as raised:
        read("127.0.0.1")

    assert len(raised.value.problems) == len(problems)
    for reported, problem in zip(raised.value.problems, problems, strict=True):
        assert reported.startswith(problem)


def test_a_problem_of_a_file_is_reported_with_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No value of the file is quoted."""
    path = tmp_path / "keys.json"
    path.write_text('{"keys": [{"id": "a", "sha256": ["a-secret"], "scopes": ["none"]}]}')
    monkeypatch.setenv("ACCESS_KEYS_FILE", str(path))
    with pytest.raises(ConfigError) as raised:
        read("127.0.0.1")

    reported = raised.value.problems
    assert [line.partition(": String")[0].partition(": Input")[0] for line in reported] == [
        f"ACCESS_KEYS_FILE: {path}: keys[0].sha256[0]",
        f"ACCESS_KEYS_FILE: {path}: keys[0].scopes[0]",
    ]
    assert "a-secret" not in str(raised.value)
