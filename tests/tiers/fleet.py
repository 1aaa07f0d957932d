"""Several nodes of each tier, for tests that end some of them under load."""

from dataclasses import dataclass

from tests.tiers.stack import Stack, TierProcess
from tests.tools.load.options import LoadOptions, Mode


@dataclass(slots=True)
class Fleet:
    """Two ingest nodes, three workers and two query nodes; a test that ends one replaces it."""

    stack: Stack
    ingest: list[TierProcess]
    workers: list[TierProcess]
    query: list[TierProcess]

    def load(self, seed: int, events: int, rate: float, mode: Mode = Mode.MIXED) -> LoadOptions:
        """Return a load on all nodes."""
        return LoadOptions(
            seed=seed,
            ingest=tuple(node.url for node in self.ingest),
            query=tuple(node.url for node in self.query),
            events=events,
            rate=rate,
            mode=mode,
            put_share=0.3,
            connections=64,
            verify_timeout_seconds=90,
        )
