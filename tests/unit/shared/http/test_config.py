"""The settings that all tiers with a traffic port have."""

import pytest

from ingest.config import IngestSettings
from query.config import QuerySettings
from shared.http.config import HttpSettings
from shared.http.server import HttpLimits


@pytest.mark.parametrize(
    ("settings", "prefix"), [(IngestSettings, "INGEST"), (QuerySettings, "QUERY")]
)
def test_each_tier_has_all_limits_under_its_prefix(
    settings: type[HttpSettings], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a variable they are those of every server."""
    assert settings().limits == HttpLimits()
    names = ("MAX_CONNECTIONS", "IDLE_SECONDS", "CONNECTION_SECONDS", "DRAIN_SECONDS")
    for number, name in enumerate(names, 1):
        monkeypatch.setenv(f"{prefix}_{name}", str(number))
    assert settings().limits == HttpLimits(1, 2.0, 3.0, 4.0)
