"""The API documents of both tiers with the default settings, and what they allow."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from ingest.config import IngestSettings
from ingest.openapi import document as ingest_openapi
from query.config import ChangesSettings, ExportSettings, QuerySettings
from query.openapi import document as query_openapi
from shared.openapi.document import Documents
from shared.openapi.responses import Json

TIERS = ("ingest", "query")
METHODS = ("get", "put", "post")


def documents_of(tier: str, *, keys: bool = True) -> Documents:
    """Return the documents of a node of *tier*."""
    if tier == "ingest":
        return ingest_openapi.build(IngestSettings(), keys=keys)
    return query_openapi.build(QuerySettings(), ChangesSettings(), ExportSettings(), keys=keys)


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
    """Yield each JSON object in *value*."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from objects(each)


def listed_codes(part: Json) -> set[str]:
    """Return each code that a schema in a part of a document lists."""
    return {
        code
        for schema in objects(part)
        for code in schema.get("properties", {}).get("code", {}).get("enum", ())
    }


@cache
def _documented() -> list[tuple[str, re.Pattern[str], set[str]]]:
    """Return method, path and codes of each operation of both tiers."""
    return [
        (
            method,
            re.compile(re.sub(r"{\w+}", "[^/]*", path)),
            listed_codes(operation["responses"])
            | listed_codes(document["components"]["responses"]),
        )
        for document in map(document_of, TIERS)
        for path, method, operation in operations(document)
    ]


def check_documented(method: str, target: str, code: str) -> None:
    """Raise AssertionError if *code* is not documented for the operation that answers *target*."""
    path = target.partition("?")[0]
    wanted = method.lower().replace("head", "get")
    for documented_method, pattern, codes in _documented():
        if documented_method == wanted and pattern.fullmatch(path):
            assert code in codes, f"{method} {target}: {code} is not in its API document"
