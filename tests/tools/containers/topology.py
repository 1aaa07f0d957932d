"""The services of compose.yaml, run by podman under their own restrictions."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import yaml  # type: ignore[import-untyped]  # has no types of its own

from tests.tools.containers.engine import Engine
from tests.tools.trial import ROOT, TrialError

COMPOSE = ROOT / "deploy" / "compose.yaml"
_USED = {
    *("cap_drop", "command", "deploy", "entrypoint", "environment", "healthcheck", "image", "init"),
    *("network_mode", "networks", "ports", "read_only", "restart", "security_opt"),
    *("stop_grace_period", "user", "volumes"),
}
_NOT_USED = {"build", "depends_on", "logging", "profiles"}
"""Built and started in order by the tool; log files have no part in the checks."""
_START_SECONDS = 60.0
_BACK = "back"
"""The network of all tiers and servers in compose.yaml."""
_PREFIX = "10.90.0"
_FIRST_ADDRESS = 100


def read_compose(path: Path) -> dict[str, Any]:
    """Return the file, each variable replaced by its default."""
    document = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", path.read_text()))
    return dict(document)


def addresses(services: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return an address for each service in the network of all tiers.

    They go into each container's /etc/hosts: podman's name server (aardvark-dns 1.4) left queries
    without an answer for a minute after another container had started.
    """
    names = [name for name, service in services.items() if _BACK in service.get("networks", ())]
    return {name: f"{_PREFIX}.{number}" for number, name in enumerate(names, _FIRST_ADDRESS)}


def network_options(name: str, network: Mapping[str, Any]) -> list[str]:
    """Return the words after `podman network create`."""
    internal = ["--internal"] if network.get("internal") else []
    # Without a name server podman gives an internal network no gateway, and the checks no way in.
    subnet = [f"--subnet={_PREFIX}.0/24", f"--gateway={_PREFIX}.1"] if name == _BACK else []
    return ["--disable-dns", *internal, *subnet, name]


def options(name: str, service: Mapping[str, Any], hosts: Mapping[str, str]) -> list[str]:
    """Return the options of `podman run` for *service*, up to and with its image.

    *hosts* are the addresses of all services.
    """
    if unknown := service.keys() - _USED - _NOT_USED:
        raise TrialError(f"{name}: the tool does not translate {', '.join(unknown)}")
    limits = service["deploy"]["resources"]["limits"]
    words = [
        f"--cpus={limits['cpus']}",
        f"--memory={limits['memory'].lower()}",
        f"--pids-limit={limits['pids']}",
        # Without a service manager podman cannot time health checks: the tool runs them.
        "--health-interval=disable",
        # Otherwise podman mounts a writable /tmp; Docker does not.
        "--read-only-tmpfs=false",
        f"--restart={service.get('restart', 'no')}",
        *(f"--cap-drop={each}" for each in service["cap_drop"]),
        *(f"--security-opt={each}" for each in service["security_opt"]),
        *(f"--publish={each}" for each in service.get("ports", ())),
        *(f"--volume={_volume(each)}" for each in service.get("volumes", ())),
        *(f"--env={key}={value}" for key, value in service.get("environment", {}).items()),
    ]
    if "network_mode" in service:
        words.append(f"--network={service['network_mode']}")
    else:
        words.append(f"--hostname={name}")
        for network in service["networks"]:
            address = f":ip={hosts[name]}" if network == _BACK else ""
            words.append(f"--network={network}{address}")
        words += [f"--add-host={each}:{address}" for each, address in hosts.items()]
    for key, option in {"read_only": "--read-only", "init": "--init"}.items():
        words += [option] if service.get(key) else []
    if "user" in service:
        words.append(f"--user={service['user']}")
    if "entrypoint" in service:
        words.append(f"--entrypoint={json.dumps(service['entrypoint'])}")
    if "stop_grace_period" in service:
        words.append(f"--stop-timeout={service['stop_grace_period'].removesuffix('s')}")
    return [*words, service["image"]]


def _volume(text: str) -> str:
    """Return *text* with a path relative to the file made absolute."""
    source, colon, rest = text.partition(":")
    return f"{COMPOSE.parent / source}{colon}{rest}" if source.startswith(".") else text


@dataclass(slots=True)
class Topology:
    """The containers that were started, by the name of their service."""

    engine: Engine
    services: dict[str, Mapping[str, Any]]
    started: dict[str, str] = field(default_factory=dict)
    key: str = ""
    """The API key of the checks, once there is one."""

    def names(self, *tiers: str) -> list[str]:
        """Return the names of the services of *tiers*."""
        return [name for name in self.services if name.partition("-")[0] in tiers]

    def start(self, name: str) -> None:
        """Start the container of service *name*, in the background."""
        service = self.services[name]
        *given, image = options(name, service, addresses(self.services))
        command = (f"--name={name}", *given, image, *service.get("command", ()))
        self.started[name] = self.engine.run("run", "--detach", *command, seconds=_START_SECONDS)

    def run(self, service: str, *command: str, seconds: float = 60.0) -> CompletedProcess[str]:
        """Run *service* to its end with *command*, by default its own, as `compose run --rm`."""
        wanted = self.services[service]
        *given, image = options(service, wanted, addresses(self.services))
        words = ("run", "--rm", *given, "--restart=no", image, *(command or wanted["command"]))
        return self.engine.attempt(*words, seconds=seconds)

    def inspect(self, name: str, template: str) -> str:
        """Return what the Go *template* finds in the container's description."""
        return self.engine.run("inspect", "--format", template, self.started[name])

    def health(self, name: str) -> CompletedProcess[str]:
        """Run the health check of service *name* in its container."""
        _, *command = self.services[name]["healthcheck"]["test"]
        return self.engine.attempt("exec", self.started[name], *command, seconds=30)

    def logs(self) -> str:
        """Return the last lines of each container, for the report of a failure."""
        lines = []
        for name, identity in self.started.items():
            done = self.engine.attempt("logs", "--tail=5", identity)
            lines += [f"{name}: {line[:300]}" for line in (done.stdout + done.stderr).splitlines()]
        return "\n".join(lines)

    def remove(self, *names: str) -> None:
        """Remove the containers *names*, by default all."""
        identities = [self.started.pop(name) for name in names or list(self.started)]
        self.engine.attempt("rm", "--force", "--time=0", "--volumes", *identities)
