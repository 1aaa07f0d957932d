"""The API documents are valid OpenAPI 3.1 and match the routes."""

import tomllib
from pathlib import Path

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from ingest.config import IngestSettings
from ingest.handlers import Handlers as IngestHandlers
from ingest.webhooks.handler import PATH, WebhookHandler
from query.changes.route import ChangesHandler
from query.config import QuerySettings
from query.export.route import ExportHandlers
from query.handlers import Handlers as QueryHandlers
from query.lookup.read_through_cache import ReadThroughCache
from query.page.route import build_page_routes
from query.pulse.collector import PulseCollector
from query.pulse.ingest_document import IngestDocument
from query.pulse.route import PulseHandlers
from shared.openapi.document import API_VERSION
from shared.openapi.responses import Json
from tests.fakes.documents import TIERS, document_of, documents_of, objects, operations

ROUTES = {
    "ingest": [
        *object.__new__(IngestHandlers).routes(),
        object.__new__(WebhookHandler).route(),
    ],
    "query": [
        *object.__new__(QueryHandlers).routes(),
        object.__new__(ChangesHandler).route(),
        *object.__new__(ExportHandlers).routes(),
        *build_page_routes(object.__new__(ReadThroughCache).get),
        *PulseHandlers(
            object.__new__(PulseCollector), object.__new__(IngestDocument), 10.0
        ).routes(),
    ],
}
PART_OF_THE_PAGE = "/static/"
"""The files of the page; they are not part of the API."""


@pytest.mark.parametrize("tier", TIERS)
def test_a_document_is_openapi_3_1(tier: str) -> None:
    """It validates against the schema of the specification."""
    for document in documents_of(tier):
        jsonschema_rs.Draft202012Validator(OPENAPI_31).validate(document)


@pytest.mark.parametrize("tier", TIERS)
def test_each_reference_leads_to_a_schema(tier: str) -> None:
    """And each schema is a valid JSON schema."""
    document = document_of(tier)
    for value in objects(document):
        if "$ref" in value:
            name = value["$ref"].removeprefix("#/components/schemas/")
            assert name in document["components"]["schemas"]
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


def validate(value: object, schema: Json, document: Json) -> None:
    """Raise unless *value* matches *schema*."""
    jsonschema_rs.Draft202012Validator(
        {**schema, "components": document["components"]}, validate_formats=True
    ).validate(value)


@pytest.mark.parametrize("tier", TIERS)
def test_each_example_matches_its_schema(tier: str) -> None:
    """Examples of parameters, bodies and responses."""
    document = document_of(tier)
    checked = 0
    for value in objects(document):
        if "schema" in value:
            for example in value.get("examples", {}).values():
                validate(example["value"], value["schema"], document)
                checked += 1
    assert checked > 50


@pytest.mark.parametrize("tier", TIERS)
def test_each_route_is_in_the_document_and_no_other(tier: str) -> None:
    """By method and path; the system tests check the paths that all tiers have."""
    document = document_of(tier)
    documented = {
        (method.upper(), path)
        for path, method, _ in operations(document)
        if "servers" not in document["paths"][path] and path != "/openapi.json"
    }

    assert documented == {
        (route.method, route.path)
        for route in ROUTES[tier]
        if not route.path.startswith(PART_OF_THE_PAGE)
    }


@pytest.mark.parametrize("tier", TIERS)
def test_each_operation_has_the_scope_of_its_route(tier: str) -> None:
    """And the refusals of keys; only the page also answers without a key."""
    document = document_of(tier)
    for route in ROUTES[tier]:
        if route.path.startswith(PART_OF_THE_PAGE):
            assert route.scope is None
            continue
        operation = document["paths"][route.path][route.method.lower()]
        needed = [] if route.scope is None else [{"key": [route.scope]}]
        assert operation.get("security", []) == [*([{}] if route.open_if else []), *needed]
        assert ({"401", "403", "429"} <= operation["responses"].keys()) == bool(needed)


@pytest.mark.parametrize("tier", TIERS)
def test_the_document_of_an_open_node_has_no_keys(tier: str) -> None:
    """It is valid, without security schemes and refusals of keys."""
    for document in documents_of(tier, keys=False):
        jsonschema_rs.Draft202012Validator(OPENAPI_31).validate(document)
        assert document["components"]["securitySchemes"] == {}
        for path, _, operation in operations(document):
            assert "security" not in operation
            of_keys = {"403", "429"} if path == PATH else {"401", "403", "429"}
            assert not operation["responses"].keys() & of_keys


@pytest.mark.parametrize("tier", TIERS)
def test_each_operation_has_a_name_and_a_summary(tier: str) -> None:
    """Names are unique, because generators derive code from them."""
    named = [operation for _, _, operation in operations(document_of(tier))]

    assert len({operation["operationId"] for operation in named}) == len(named)
    assert all(operation["summary"] and operation["tags"] for operation in named)


def test_the_version_is_that_of_the_project() -> None:
    """pyproject.toml and the documents agree."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())

    assert project["project"]["version"] == API_VERSION


@pytest.mark.parametrize("tier", TIERS)
def test_each_port_names_the_address_of_the_other(tier: str) -> None:
    """A path is on the port that served the document, or at the address that it names."""
    document, on_management = documents_of(tier)
    settings = IngestSettings() if tier == "ingest" else QuerySettings()

    def servers(seen: Json, path: str) -> str:
        (server,) = seen["paths"][path].get("servers", seen["servers"])
        variables = server.get("variables", {})
        return str(server["url"].format(**{name: v["default"] for name, v in variables.items()}))

    traffic = "/events" if tier == "ingest" else "/domains"
    assert servers(document, traffic) == "/"
    assert servers(document, "/readyz") == f"http://127.0.0.1:{settings.management_port}"
    assert servers(on_management, traffic) == f"http://127.0.0.1:{settings.http_port}"
    assert servers(on_management, "/readyz") == "/"
    assert servers(on_management, "/openapi.json") == f"http://127.0.0.1:{settings.http_port}"
