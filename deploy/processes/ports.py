"""Checks before a start: free ports, and room on the disk."""

import asyncio
import errno
import shutil
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import psutil

from deploy.processes.errors import ServersError

LEAST_FREE_BYTES = 2 * 1024**3


class Endpoint(NamedTuple):
    """An address to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def require_free(endpoints: Iterable[Endpoint], patience_seconds: float = 4) -> None:
    """Raise ServersError if an endpoint is in use; the message names the process.

    Tries again for *patience_seconds*: a JVM whose parent was killed takes a second to end.
    """
    wanted = list(endpoints)
    last = time.monotonic() + patience_seconds
    while True:
        try:
            _require_free(wanted)
        except ServersError:
            if time.monotonic() >= last:
                raise
            await asyncio.sleep(0.2)
        else:
            return


def _require_free(endpoints: Iterable[Endpoint]) -> None:
    for endpoint in endpoints:
        family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        with socket.socket(family) as probe:
            # Ignore closed connections of an earlier run (TIME_WAIT).
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(endpoint)
            except OSError as error:
                raise ServersError(_explain(endpoint, error)) from error


def require_disk(folder: Path, least_bytes: int = LEAST_FREE_BYTES) -> None:
    """Raise ServersError if the disk of *folder*, which may not exist yet, is nearly full."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < least_bytes:
        raise ServersError(
            f"{folder}: {free / 1024**3:.1f} GiB free, {least_bytes / 1024**3:.0f} GiB needed: "
            "free some space (`make clean-data` removes the data of `make run`)",
        )


def _explain(endpoint: Endpoint, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"{endpoint.host} is not an address of this machine: use another one, "
            f"or add it (`ip address add {endpoint.host}/8 dev lo`)"
        )
    if error.errno != errno.EADDRINUSE:
        return f"cannot listen on port {endpoint}: {error.strerror}"
    owner = _owner(endpoint)
    if owner is None:
        return f"port {endpoint} is in use by another user's process: stop it"
    process = f"{owner.name()} (pid {owner.pid})"
    return f"port {endpoint} is in use by {process}: stop it with `kill {owner.pid}`"


def _owner(endpoint: Endpoint) -> psutil.Process | None:
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == endpoint.port
                and connection.laddr.ip in {endpoint.host, "0.0.0.0", "::"}  # noqa: S104
                and connection.pid
            ):
                return psutil.Process(connection.pid)
    except psutil.Error:
        return None
    return None
