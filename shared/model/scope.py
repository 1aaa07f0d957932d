"""What an API key permits."""

from enum import StrEnum


class Scope(StrEnum):
    """What a route requires and a key grants."""

    INGEST = "ingest"
    QUERY = "query"
    OPERATE = "operate"
    """The state of every process, for operators."""
