"""The environment variables that our commands read, from their settings classes."""

import importlib
import pkgutil

from pydantic_settings import BaseSettings

import consumer
import deploy
import ingest
import query
import shared

_PACKAGES = (shared, ingest, consumer, query, deploy)
_MODULES = ("config", ".prepare", ".rights")


def variables() -> set[str]:
    """Return the names of all environment variables that our commands read."""
    for package in _PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith(_MODULES):
                importlib.import_module(module.name)
    return {
        f"{settings.model_config.get('env_prefix', '')}{field}".upper()
        for settings in _below(BaseSettings)
        if settings.__module__.split(".")[0] in {package.__name__ for package in _PACKAGES}
        for field in settings.model_fields
    }


def _below(settings: type[BaseSettings]) -> set[type[BaseSettings]]:
    found = set(settings.__subclasses__())
    return found.union(*(_below(each) for each in found))
