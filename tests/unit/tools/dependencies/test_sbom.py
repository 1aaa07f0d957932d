"""The bill of materials names all that is shipped, also what no package manager knows."""

from typing import Any

from tests.tools.dependencies.sbom import VENDOR, complete, page_libraries, problems


def bill(**changed: Any) -> dict[str, Any]:
    """Return a bill of one component."""
    component = {"type": "library", "name": "Server", "version": "1", "bom-ref": "server"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": [{**component, **changed}],
    }


def test_the_libraries_of_the_page_are_in_it() -> None:
    """With licence and where they come from, as their folder's README lists them."""
    libraries = page_libraries(VENDOR.read_text())
    assert [(at["name"], at["licenses"][0]["license"]["id"]) for at in libraries] == [
        ("uplot", "MIT"),
        ("swagger-ui-dist", "Apache-2.0"),
    ]
    whole = complete(bill(), libraries, {"server"})
    assert problems(whole) == []
    assert [at["scope"] for at in whole["components"]] == ["required"] * 3


def test_what_is_not_shipped_is_marked() -> None:
    """By its normalised name."""
    (tool,) = complete(bill(), [], {"another"})["components"]
    assert tool["scope"] == "excluded"


def test_a_bill_that_breaks_the_schema_is_refused() -> None:
    """A licence that does not exist, a type that does not, a name that is missing."""
    assert problems(bill(licenses=[{"license": {"id": "nonsense"}}]))
    assert problems(bill(type="thing"))
    nameless = bill()
    del nameless["components"][0]["name"]
    assert problems(nameless)
