"""The route of a document: it is sent again only if it has changed."""

import pytest

from shared.http.application import build_application
from shared.openapi.document import build_route
from tests.fakes.requests import ask, json_of

DOCUMENT = {"openapi": "3.1.0"}


async def test_the_document_is_served_and_may_be_cached() -> None:
    """As JSON, for five minutes."""
    response = await ask(build_application([build_route(DOCUMENT)]), "GET", "/openapi.json")

    assert (response.status, json_of(response)) == (200, DOCUMENT)
    assert response.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_a_client_with_the_current_document_gets_304(form: str) -> None:
    """In any form of If-None-Match (RFC 9110, 13.1.2)."""
    app = build_application([build_route(DOCUMENT)])
    tag = (await ask(app, "GET", "/openapi.json")).headers["ETag"]
    known = {"If-None-Match": form.format(tag)}

    response = await ask(app, "GET", "/openapi.json", headers=known)

    assert (response.status, response.body, response.headers["ETag"]) == (304, None, tag)


async def test_a_client_with_another_document_gets_this_one() -> None:
    """Another document has another ETag."""
    other = await ask(
        build_application([build_route({"openapi": "other"})]), "GET", "/openapi.json"
    )
    known = {"If-None-Match": other.headers["ETag"]}

    response = await ask(
        build_application([build_route(DOCUMENT)]), "GET", "/openapi.json", headers=known
    )

    assert (response.status, json_of(response)) == (200, DOCUMENT)
