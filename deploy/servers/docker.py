"""Run the same servers in containers.

Java and the jars come from the images; command lines, settings, folders and addresses are the same
as for local processes. Containers use the host's network, so node N listens on ``prefix.N`` here
too, and faults that go by address work the same. In Docker Desktop, host networking is a setting.
"""

import asyncio
import contextlib
import os
import signal
import socket
import time
from typing import Any

from docker.errors import (  # type: ignore[import-untyped]  # has no types of its own
    APIError,
    DockerException,
    NotFound,
)
from requests.exceptions import RequestException
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from deploy.processes.errors import ServersError
from deploy.processes.process import Command, Running

_DEFAULT_HOST = "unix:///var/run/docker.sock"
_CONNECT_SECONDS = 2.0
_SIGNALLED = 128
_POLL_EVERY_SECONDS = 0.2


async def find_engine() -> str:
    """Return the version of this machine's Docker engine; "" if none answers a ping."""
    return await asyncio.to_thread(_find_engine)


def _find_engine() -> str:
    if not _socket_answers(os.environ.get("DOCKER_HOST", _DEFAULT_HOST)):
        return ""
    try:
        client = DockerClient(timeout=5).client
    except (DockerException, OSError, ValueError):
        return ""
    try:
        # We could not reach the loopback of a remote engine.
        if not client.api.base_url.startswith(("http+docker://", "http+unix://")):
            return ""
        client.ping()
        return str(client.version()["Version"])
    except (DockerException, RequestException, OSError):
        return ""
    finally:
        client.close()


def _socket_answers(host: str) -> bool:
    """Return whether a process listens on the Unix socket *host*; True for other addresses.

    Needed because the client library leaks a socket for each refused connection.
    """
    if not host.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        return probe.connect_ex(host.removeprefix("unix://")) == 0


class Container:
    """A command that runs in a container. testcontainers' reaper removes it if we die."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self._pid = int(container.attrs["State"]["Pid"])
        self._status: int | None = None
        self._polled_at = 0.0

    @property
    def pid(self) -> int:
        """The id on this machine of the container's first process."""
        return self._pid

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while it runs."""
        # Each poll is a request to the engine, so do not send one in every turn of a waiting loop.
        if self._status is None and time.monotonic() - self._polled_at > _POLL_EVERY_SECONDS:
            self._polled_at = time.monotonic()
            try:
                self._container.reload()
            except NotFound:
                self._status = -signal.SIGKILL
                return self._status
            state = self._container.attrs["State"]
            if state["Status"] in {"exited", "dead"}:
                code = int(state["ExitCode"])
                self._status = _SIGNALLED - code if code > _SIGNALLED else code
                self._container.remove(force=True, v=True)
        return self._status

    def signal(self, number: signal.Signals) -> None:
        """Send a signal. Does nothing if the container has ended."""
        if self._status is None:
            # By name, SIGSTOP and SIGCONT have the same effect as on a local process.
            with contextlib.suppress(APIError):
                self._container.kill(signal=number.name)


def arguments(command: Command) -> dict[str, Any]:
    """Return the container options for *command*, except the image."""
    return {
        # Write to the same log file as a local process; `exec` replaces the shell.
        "entrypoint": ["sh", "-c", 'exec "$@" >>"$0" 2>&1', str(command.log)],
        "command": list(command.arguments),
        "environment": dict(command.environment),
        # If unset, testcontainers chooses another network when it runs in a container itself.
        "network": "host",
        # The data must belong to the current user, who can then remove it.
        "user": f"{os.getuid()}:{os.getgid()}",
        "working_dir": str(command.folder),
        "volumes": {str(command.folder): {"bind": str(command.folder), "mode": "rw"}},
    }


async def launch(command: Command) -> Running:
    """Start *command* in a container of its image."""
    return await asyncio.to_thread(_launch, command)


def _launch(command: Command) -> Running:
    command.log.parent.mkdir(parents=True, exist_ok=True)
    options = arguments(command)
    container = DockerContainer(
        command.image,
        command=options.pop("command"),
        env=options.pop("environment"),
    )
    for path, mount in options.pop("volumes").items():
        container.with_volume_mapping(path, mount["bind"], mount["mode"])
    container.with_kwargs(**options)
    try:
        container.start()
        wrapped = container.get_wrapped_container()
        wrapped.reload()
    except (DockerException, RequestException, OSError) as error:
        raise ServersError(
            f"{command.name}: Docker cannot start {command.image} "
            f"({str(error).splitlines()[0]}): try `docker pull {command.image}`",
        ) from error
    return Container(wrapped)
