"""The same servers in containers, where a Docker engine answers.

The images give the Java and the jars; command lines, settings, folders and addresses are those of
the local processes. The network is the host's, so node N listens on ``prefix.N`` here too, and
faults by address work alike. Docker Desktop has host networking as a setting only.
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
_ASK_EVERY_SECONDS = 0.2


async def find_engine() -> str:
    """Return the version of the engine of this machine, or "" when none answers a ping."""
    return await asyncio.to_thread(_find_engine)


def _find_engine() -> str:
    if not _socket_answers(os.environ.get("DOCKER_HOST", _DEFAULT_HOST)):
        return ""
    try:
        client = DockerClient(timeout=5).client
    except (DockerException, OSError, ValueError):
        return ""
    try:
        # An engine elsewhere has a loopback of its own, which we cannot reach.
        if not client.api.base_url.startswith(("http+docker://", "http+unix://")):
            return ""
        client.ping()
        return str(client.version()["Version"])
    except (DockerException, RequestException, OSError):
        return ""
    finally:
        client.close()


def _socket_answers(host: str) -> bool:
    """Whether anything listens at a Unix socket's address; others are left to the client.

    The client library leaks a socket for each attempt that is refused.
    """
    if not host.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        return probe.connect_ex(host.removeprefix("unix://")) == 0


class Container:
    """A command that runs in a container; the engine's reaper removes it if we die."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self._pid = int(container.attrs["State"]["Pid"])
        self._status: int | None = None
        self._asked_at = 0.0

    @property
    def pid(self) -> int:
        """The id, on this machine, of the container's first process."""
        return self._pid

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while it runs."""
        # A question to the engine each time, so not at every turn of a waiting loop.
        if self._status is None and time.monotonic() - self._asked_at > _ASK_EVERY_SECONDS:
            self._asked_at = time.monotonic()
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
        """Send a signal; nothing happens if it has already ended."""
        if self._status is None:
            # SIGSTOP and SIGCONT by name do to the process what they do to a local one.
            with contextlib.suppress(APIError):
                self._container.kill(signal=number.name)


def arguments(command: Command) -> dict[str, Any]:
    """Return how *command* is run in a container, beside its image."""
    return {
        # Into the same log file as a local process; then the command takes the shell's place.
        "entrypoint": ["sh", "-c", 'exec "$@" >>"$0" 2>&1', str(command.log)],
        "command": list(command.arguments),
        "environment": dict(command.environment),
        # By this word, or testcontainers chooses a network where it runs in a container itself.
        "network": "host",
        # The data belongs to who runs us, who can then remove it.
        "user": f"{os.getuid()}:{os.getgid()}",
        "working_dir": str(command.folder),
        "volumes": {str(command.folder): {"bind": str(command.folder), "mode": "rw"}},
    }


async def launch(command: Command) -> Running:
    """Start *command* in a container of its image."""
    return await asyncio.to_thread(_launch, command)


def _launch(command: Command) -> Running:
    command.log.parent.mkdir(parents=True, exist_ok=True)
    how = arguments(command)
    container = DockerContainer(
        command.image,
        command=how.pop("command"),
        env=how.pop("environment"),
    )
    for path, mount in how.pop("volumes").items():
        container.with_volume_mapping(path, mount["bind"], mount["mode"])
    container.with_kwargs(**how)
    try:
        container.start()
        wrapped = container.get_wrapped_container()
        wrapped.reload()
    except (DockerException, RequestException, OSError) as error:
        raise ServersError(
            f"{command.name}: the Docker engine cannot start {command.image} "
            f"({str(error).splitlines()[0]}): try `docker pull {command.image}`",
        ) from error
    return Container(wrapped)
