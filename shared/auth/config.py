"""The settings of API keys, from the environment (``ACCESS_*``)."""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth.api_keys import ApiKeys, parse_api_keys
from shared.config import EnvironmentReader
from shared.errors import ConfigError

PerSecond = Annotated[float, Field(gt=0, allow_inf_nan=False)] | None


class AccessMode(StrEnum):
    """Whether requests need an API key."""

    KEYS = "keys"
    OPEN = "open"


class AccessSettings(BaseSettings):
    """Whether requests need an API key, and how many a key may send."""

    model_config = SettingsConfigDict(env_prefix="ACCESS_", frozen=True)

    mode: AccessMode | None = None
    """The default is ``keys`` if there is a file; else ``open``, on loopback only."""
    keys_file: Path | None = None
    """``python -m deploy.keys`` writes it. The node reads it again at SIGHUP."""
    events_per_second: PerSecond = None
    requests_per_second: PerSecond = None
    """The quotas of an API key in each process, unless the file sets others; None: no limit.
    A line of a bulk request is one event, whatever its count."""


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """The settings, and the API keys at the start of the process; None: the node is open."""

    settings: AccessSettings
    keys: ApiKeys | None


def read_access(read: EnvironmentReader, host: str) -> AccessConfig:
    """Return the configuration of a node that listens on *host*; *read* collects the problems."""
    settings = read(AccessSettings)
    mode, path = settings.mode, settings.keys_file
    keys = None
    if mode is AccessMode.OPEN and path is not None:
        read.refuse("ACCESS_MODE: it is open, but ACCESS_KEYS_FILE is set; unset one of them")
    elif mode is AccessMode.KEYS and path is None:
        read.refuse("ACCESS_MODE: it is keys, so ACCESS_KEYS_FILE must name the key file")
    elif path is not None:
        try:
            keys = load_api_keys(path)
        except ConfigError as error:
            for problem in error.problems:
                read.refuse(f"ACCESS_KEYS_FILE: {problem}")
    elif mode is None and not is_loopback(host):
        read.refuse(
            f"ACCESS_KEYS_FILE: a node that listens on {host or 'every address'} needs a key file"
            " (python -m deploy.keys new), or ACCESS_MODE=open to answer every client"
        )
    return AccessConfig(settings, keys)


def load_api_keys(path: Path) -> ApiKeys:
    """Return the API keys of the file at *path*. Raises ConfigError with every problem."""
    try:
        return parse_api_keys(path.read_bytes())
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from error
    except ConfigError as error:
        raise ConfigError([f"{path}: {problem}" for problem in error.problems]) from None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches *host*; of names, only ``localhost`` counts."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
