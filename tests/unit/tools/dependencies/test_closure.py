"""What the product brings along is found by what packages ask for, under the markers here."""

from tests.tools.dependencies.closure import closure, shipped

TREE = {
    "server": ["parser>=2", "speed; extra == 'fast'", "windows-only; sys_platform == 'win32'"],
    "parser": ["tables"],
    "tables": ["server"],
    "speed": ["parser[c]"],
    "c-code": [],
}


def requires(name: str) -> list[str]:
    """Return what *name* asks for in the tree, and in its extra ``c`` the parser's C code."""
    return [*TREE.get(name, []), *(["c_code; extra == 'c'"] if name == "parser" else [])]


def test_what_is_needed_by_what_is_needed_is_shipped() -> None:
    """A circle ends, and what another platform needs stays away."""
    assert closure(["Server"], requires) == {"server", "parser", "tables"}


def test_extras_count_only_where_somebody_asks_for_them() -> None:
    """The first in the requirement itself, the second by a dependency."""
    assert closure(["server[fast]"], requires) == {"server", "parser", "tables", "speed", "c-code"}


def test_optional_extras_are_shipped_and_tools_are_not() -> None:
    """Whoever turns tracing on ships its packages too."""
    pyproject = {
        "project": {"dependencies": ["tables"], "optional-dependencies": {"tracing": ["speed"]}},
        "dependency-groups": {"dev": ["pytest"]},
    }
    assert shipped(pyproject, requires) == {"tables", "server", "parser", "speed", "c-code"}
