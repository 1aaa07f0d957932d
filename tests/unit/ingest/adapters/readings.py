"""Read the samples of webhooks through an adapter."""

from typing import Any

import pytest
from multidict import CIMultiDict

from ingest.adapters.webhook import Adapter, Reading, Webhook
from shared.errors import InputError
from shared.problems import Problem
from tests.clients.webhooks.providers import Sent, samples

NOW = 1_790_146_500.0
HOUR = 3600.0


def read(adapter: Adapter, sent: Sent, now: float = NOW) -> Reading:
    """Return what *adapter* reads in a request."""
    body, headers = sent
    return adapter.read(Webhook(body, CIMultiDict(headers), now))


def refusal_of(adapter: Adapter, sent: Sent, now: float = NOW) -> Problem:
    """Return the problem with which *adapter* refuses a request."""
    with pytest.raises(InputError) as refused:
        read(adapter, sent, now)
    return refused.value.problem


def first(provider: str) -> Any:
    """Return the first body of the corpus of *provider*."""
    return samples(provider)[0].body
