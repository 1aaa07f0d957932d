"""Checks before a start: errors and their remedies."""

import errno
import os
import socket
from pathlib import Path

import psutil
import pytest

from deploy.processes import ports
from deploy.processes.errors import ServersError
from deploy.processes.ports import Endpoint

HERE = Endpoint("127.0.0.1", 8080)


def test_owner_of_a_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the process and the command that stops it."""
    monkeypatch.setattr(ports, "_owner", lambda _: psutil.Process())
    message = ports._explain(HERE, OSError(errno.EADDRINUSE, "in use"))
    assert message.startswith("port 127.0.0.1:8080 is in use by ")
    assert message.endswith(f"(pid {os.getpid()}): stop it with `kill {os.getpid()}`")


def test_the_owner_of_a_port_may_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port of another user's process is refused too."""
    monkeypatch.setattr(ports, "_owner", lambda _: None)
    message = ports._explain(HERE, OSError(errno.EADDRINUSE, "in use"))
    assert message == "port 127.0.0.1:8080 is in use by another user's process: stop it"


def test_a_missing_address_is_reported_with_its_remedy() -> None:
    """The error has the command that adds the address."""
    message = ports._explain(Endpoint("127.0.0.2", 1), OSError(errno.EADDRNOTAVAIL, "none"))
    assert "`ip address add 127.0.0.2/8 dev lo`" in message


def test_an_ipv6_endpoint_is_checked_too() -> None:
    """As part of a URL its address is in brackets."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        endpoint = Endpoint("::1", taken.getsockname()[1])
        with pytest.raises(ServersError, match=rf"port \[::1\]:{endpoint.port} is in use"):
            ports._require_free([endpoint])


async def test_a_port_that_is_released_in_time_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port in use is checked again for a while, then refused."""
    answers: list[ServersError | None] = [ServersError("in use"), None]

    def check(_: object) -> None:
        if answer := answers.pop(0):
            raise answer

    monkeypatch.setattr(ports, "_require_free", check)
    await ports.require_free([HERE])
    assert answers == []
    answers.append(ServersError("in use"))
    with pytest.raises(ServersError, match="in use"):
        await ports.require_free([HERE], patience_seconds=0)


def test_a_full_disk_is_refused_before_the_folder_exists(tmp_path: Path) -> None:
    """The error has the remedy."""
    folder = tmp_path / "not" / "yet"
    ports.require_disk(folder, least_bytes=1)
    with pytest.raises(ServersError, match=r"GiB free.*make clean-data"):
        ports.require_disk(folder, least_bytes=2**63)
