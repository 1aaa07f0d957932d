"""The documents of both tiers, and what they say."""

from collections.abc import Iterator
from typing import Any

from ingest import openapi as ingest_openapi
from ingest.config import IngestSettings
from query.config import ChangesSettings, QuerySettings
from query.openapi import document as query_openapi
from shared.openapi.document import Documents
from shared.openapi.responses import Json

TIERS = ("ingest", "query")
METHODS = ("get", "put", "post")


def documents_of(tier: str, *, keys: bool = True) -> Documents:
    """Return the documents of a node of *tier* with the settings that it has by itself."""
    if tier == "ingest":
        return ingest_openapi.build(IngestSettings(), keys=keys)
    return query_openapi.build(QuerySettings(), ChangesSettings(), keys=keys)


def document_of(tier: str, *, keys: bool = True) -> Json:
    """Return the document of the traffic port."""
    return documents_of(tier, keys=keys).traffic


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, method and operation."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def objects(value: Any) -> Iterator[Json]:
    """Yield each object in *value*."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from objects(each)


def listed_codes(document: Json) -> set[str]:
    """Return each code that a schema of *document* names."""
    return {
        code
        for schema in objects(document)
        for code in schema.get("properties", {}).get("code", {}).get("enum", ())
    }
