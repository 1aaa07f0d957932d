"""Room for what is started: refusals and their remedies."""

import errno
import os
from pathlib import Path

import psutil
import pytest

from deploy.processes import ports
from deploy.processes.errors import ServersError
from deploy.processes.ports import Endpoint

HERE = Endpoint("127.0.0.1", 8080)


def test_owner_of_a_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port in use is refused with the process that has it and how to end that."""
    monkeypatch.setattr(ports, "_owner", lambda _: psutil.Process())
    said = ports._refusal(HERE, OSError(errno.EADDRINUSE, "in use"))
    assert said.startswith("port 127.0.0.1:8080 is in use by ")
    assert said.endswith(f"(pid {os.getpid()}): `kill {os.getpid()}`")


def test_unknown_owner_of_a_port_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port of a process that we may not see is refused all the same."""
    monkeypatch.setattr(ports, "_owner", lambda _: None)
    said = ports._refusal(HERE, OSError(errno.EADDRINUSE, "in use"))
    assert said == "port 127.0.0.1:8080 is in use by another user's process: stop it"


def test_missing_address_is_said_with_its_remedy() -> None:
    """An address that the machine lacks is refused with the command that adds it."""
    said = ports._refusal(Endpoint("127.0.0.2", 1), OSError(errno.EADDRNOTAVAIL, "none"))
    assert "`ip address add 127.0.0.2/8 dev lo`" in said


async def test_port_that_is_let_go_in_time_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that a dying process still has is asked for again; one that stays is refused."""
    answers: list[ServersError | None] = [ServersError("in use"), None]

    def ask(_: object) -> None:
        if answer := answers.pop(0):
            raise answer

    monkeypatch.setattr(ports, "_require_free", ask)
    await ports.require_free([HERE])
    assert answers == []
    answers.append(ServersError("in use"))
    with pytest.raises(ServersError, match="in use"):
        await ports.require_free([HERE], patience_seconds=0)


def test_full_disk_is_refused_before_a_folder_exists(tmp_path: Path) -> None:
    """Too little room is refused with the remedy, for a folder that is yet to be made."""
    folder = tmp_path / "not" / "yet"
    ports.require_disk(folder, least_bytes=1)
    with pytest.raises(ServersError, match=r"GiB free.*make clean-data"):
        ports.require_disk(folder, least_bytes=2**63)
