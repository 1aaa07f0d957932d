"""The settings that every tier with a traffic port has, with the prefix of the tier."""

from pydantic_settings import BaseSettings

from shared.config import PositiveInt, PositiveSeconds
from shared.http.server import HttpLimits

_DEFAULTS = HttpLimits()


class HttpSettings(BaseSettings):
    """The address of the traffic port, and its limits (see HttpLimits)."""

    http_host: str = "127.0.0.1"
    max_connections: PositiveInt = _DEFAULTS.max_connections
    idle_seconds: PositiveSeconds = _DEFAULTS.idle_seconds
    connection_seconds: PositiveSeconds = _DEFAULTS.connection_seconds
    drain_seconds: PositiveSeconds = _DEFAULTS.drain_seconds
    fast_lane: bool = True
    """Answer plain hot requests without aiohttp's parser. Without it nothing changes but speed."""

    @property
    def limits(self) -> HttpLimits:
        """The limits of the traffic port."""
        return HttpLimits(
            max_connections=self.max_connections,
            idle_seconds=self.idle_seconds,
            connection_seconds=self.connection_seconds,
            drain_seconds=self.drain_seconds,
        )
