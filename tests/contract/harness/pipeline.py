"""A worker's input and output: both fakes, or both real."""

from dataclasses import dataclass

import pytest

from tests.contract.harness.stores import Store
from tests.contract.harness.topics import Topics

PARTITIONS = 2
both = pytest.fixture(params=["fake", "real"])
"""Decorates a fixture whose tests run once on the fake and once on the real thing."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The topics, and the store in which their events are counted."""

    topics: Topics
    store: Store
