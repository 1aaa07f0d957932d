"""Values from the code that manifests must match: ports, modules, images, paths, times."""

import re
from importlib.util import find_spec

from prometheus_client import CollectorRegistry

from consumer.config import WorkerSettings
from deploy.local.tiers import TIERS
from deploy.servers import cassandra, kafka
from ingest.config import IngestSettings
from query.config import QuerySettings
from shared.http.application import ROUTES
from shared.http.management import Readiness, build_management

PORTS = {tier.name: (tier.port, tier.management_port) for tier in TIERS}
"""The traffic port (None for workers) and the management port of each tier."""
MODULES = {tier.name: tier.module for tier in TIERS}
IMAGES = {"kafka": kafka.IMAGE, "cassandra": cassandra.IMAGE}
COMMANDS = {*MODULES.values(), "deploy.prepare", "deploy.keys"}


def version(image: str) -> str:
    """Return the version in an image's tag; it must have three numbers."""
    found = re.fullmatch(r"[a-z/]+:(\d+\.\d+\.\d+)", image)
    assert found, f"{image} is not pinned to an exact version"
    return found[1]


def served_paths() -> set[str]:
    """Return the paths that every management port serves."""
    app = build_management(Readiness(), CollectorRegistry())
    return {route.path for route in app[ROUTES].values() if route.method == "GET"}


def module_exists(name: str) -> bool:
    """Return whether ``python -m name`` is one of our commands."""
    return find_spec(name) is not None and name in COMMANDS


def needed_seconds(tier: str) -> float:
    """Return the longest time that a clean stop of a node takes."""
    match tier:
        case "ingest":
            drain = default(IngestSettings, "drain_seconds")
            return 2 * drain + 5  # the limit for each process in `ingest.processes`
        case "query":
            return default(QuerySettings, "drain_seconds") + 5
        case "worker":
            # Once at SIGTERM, and again when the group revokes its partitions.
            return 2 * default(WorkerSettings, "drain_seconds") + 10
        case _:
            raise ValueError(tier)


def default(settings: type[IngestSettings | QuerySettings | WorkerSettings], name: str) -> float:
    """Return the default of a setting."""
    return float(settings.model_fields[name].default)
