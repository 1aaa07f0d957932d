"""Is there room for what is to be started: ports and disk."""

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
    """Where something listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def require_free(endpoints: Iterable[Endpoint], patience_seconds: float = 4) -> None:
    """Raise for the first endpoint that another process has, and say which process.

    A JVM whose parent was killed takes a second to let go, hence the patience.
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
        with socket.socket() as probe:
            # Connections of an earlier run that are still winding down do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(endpoint)
            except OSError as error:
                raise ServersError(_refusal(endpoint, error)) from error


def require_disk(folder: Path, least_bytes: int = LEAST_FREE_BYTES) -> None:
    """Raise unless the file system of *folder*, which need not exist yet, has room."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < least_bytes:
        raise ServersError(
            f"{folder}: only {free / 1024**3:.1f} GiB free, {least_bytes / 1024**3:.0f} needed: "
            "free some space (`make clean-data` removes earlier data)",
        )


def _refusal(endpoint: Endpoint, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"{endpoint.host} is no address of this machine: use one that is, "
            f"or add it (`ip address add {endpoint.host}/8 dev lo`)"
        )
    if error.errno != errno.EADDRINUSE:
        return f"port {endpoint} cannot be had: {error.strerror}"
    owner = _owner(endpoint)
    if owner is None:
        return f"port {endpoint} is in use by another user's process: stop it"
    return f"port {endpoint} is in use by {owner.name()} (pid {owner.pid}): `kill {owner.pid}`"


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
