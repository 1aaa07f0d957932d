"""What manifests are held to: what the code reads, serves and takes its time for."""

import re
from importlib.util import find_spec

from prometheus_client import CollectorRegistry

from consumer.config import WorkerSettings
from deploy.local.tiers import TIERS
from deploy.servers import cassandra, kafka
from ingest.config import IngestSettings
from query.config import QuerySettings
from shared.http.management import Readiness, build_management

PORTS = {tier.name: (tier.port, tier.management_port) for tier in TIERS}
"""Of each tier: the port of its traffic, if it has one, and the one of its management."""
MODULES = {tier.name: tier.module for tier in TIERS}
IMAGES = {"kafka": kafka.IMAGE, "cassandra": cassandra.IMAGE}
OWN_COMMANDS = {*MODULES.values(), "deploy.prepare", "deploy.keys"}


def version(image: str) -> str:
    """Return the version that an image's tag says, to the last number."""
    found = re.fullmatch(r"[a-z/]+:(\d+\.\d+\.\d+)", image)
    assert found, f"{image} is not pinned to one version"
    return found[1]


def served_paths() -> set[str]:
    """Return what every management port answers."""
    router = build_management(Readiness(), CollectorRegistry())
    return {route.path for route in router.routes if route.method == "GET"}


def module_exists(name: str) -> bool:
    """Whether ``python -m name`` starts something of ours."""
    return find_spec(name) is not None and name in OWN_COMMANDS


def needed_seconds(tier: str) -> float:
    """Return how long a node takes to end in good order, at the most."""
    match tier:
        case "ingest":
            drain = default(IngestSettings, "drain_seconds")
            return 2 * drain + 5  # what `ingest.processes` waits for each of several
        case "query":
            return default(QuerySettings, "drain_seconds") + 5
        case "worker":
            # When told to stop, and again when the group takes its partitions back.
            return 2 * default(WorkerSettings, "drain_seconds") + 10
        case _:
            raise ValueError(tier)


def default(settings: type[IngestSettings | QuerySettings | WorkerSettings], name: str) -> float:
    """Return what a setting is by itself."""
    return float(settings.model_fields[name].default)
