"""What a node is told of its keys by its environment (``ACCESS_*``)."""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth.api_keys import Keys, parse_keys
from shared.config import EnvironmentReader
from shared.errors import ConfigError

Quota = Annotated[float, Field(gt=0, allow_inf_nan=False)] | None


class AccessMode(StrEnum):
    """Whether what is asked needs a key."""

    KEYS = "keys"
    OPEN = "open"


class AccessSettings(BaseSettings):
    """Who may ask, and how much."""

    model_config = SettingsConfigDict(env_prefix="ACCESS_", frozen=True)

    mode: AccessMode | None = None
    """By itself ``keys`` where there is a file, else ``open``, which only loopback may be."""
    keys_file: Path | None = None
    """Made by ``python -m deploy.keys``, and read again at SIGHUP."""
    events_per_second: Quota = None
    requests_per_second: Quota = None
    """Of each key and process, where the file says nothing else; without them there is no bound.
    A line of a bulk request is an event, whatever its count."""


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """The settings, and what the key file said when the process started; None: open."""

    settings: AccessSettings
    keys: Keys | None


def read_access(read: EnvironmentReader, host: str) -> AccessConfig:
    """Read who may ask a node that listens on *host*; problems are kept by *read*."""
    settings = read(AccessSettings)
    mode, path = settings.mode, settings.keys_file
    keys = None
    if mode is AccessMode.OPEN and path is not None:
        read.refuse("ACCESS_MODE: it is open although ACCESS_KEYS_FILE is set; unset one of them")
    elif mode is AccessMode.KEYS and path is None:
        read.refuse("ACCESS_MODE: it is keys, so ACCESS_KEYS_FILE must name their file")
    elif path is not None:
        try:
            keys = load_keys(path)
        except ConfigError as error:
            for problem in error.problems:
                read.refuse(f"ACCESS_KEYS_FILE: {problem}")
    elif mode is None and not is_loopback(host):
        read.refuse(
            f"ACCESS_KEYS_FILE: a node that listens on {host or 'every address'} needs a key file"
            " (python -m deploy.keys new), or ACCESS_MODE=open to answer whoever reaches it"
        )
    return AccessConfig(settings, keys)


def load_keys(path: Path) -> Keys:
    """Return the keys of the file at *path*. Raises ConfigError with every problem of it."""
    try:
        return parse_keys(path.read_bytes())
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from error
    except ConfigError as error:
        raise ConfigError([f"{path}: {problem}" for problem in error.problems]) from None


def is_loopback(host: str) -> bool:
    """Whether *host* is reached from this machine alone; of a name only ``localhost`` is sure."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
