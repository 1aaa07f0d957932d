"""What an API key permits."""

from enum import StrEnum


class Scope(StrEnum):
    """The use of a tier that a route requires and a key grants."""

    INGEST = "ingest"
    QUERY = "query"
