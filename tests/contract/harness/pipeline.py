"""What a worker reads from and writes to: both fakes, or both real."""

from dataclasses import dataclass

import pytest

from tests.contract.harness.logs import Log
from tests.contract.harness.stores import Store

PARTITIONS = 2
both = pytest.fixture(params=["fake", "real"])
"""Decorates a fixture whose tests run once on the fake and once on the real thing."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A log, and the store that its events are counted in."""

    log: Log
    store: Store
