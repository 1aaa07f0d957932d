"""Every file, folder, command and link that a document of the project names exists."""

import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(p for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith((".", "_")))
PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in [*ROOT.glob("*.md"), *(p for folder in FOLDERS for p in folder.rglob("*.md"))]
    if "vendor" not in page.parts
)
_CODE = re.compile(r"`([^`]+)`|^ {4,}(.+)$", re.MULTILINE)
_PATH = re.compile(r"[\w*.-]+(?:/[\w*.-]+)*/?")
_FILE = re.compile(r".*\.(?:py|md|js|html|svg|json|yaml|toml|cql|lock|env|sha256)")


@cache
def files() -> list[str]:
    """Return all files of the project, each as its path after a slash."""
    inside = [p for folder in FOLDERS for p in folder.rglob("*")]
    return [f"/{p.relative_to(ROOT)}" for p in [*ROOT.iterdir(), *inside]]


def is_there(path: str, page: Path) -> bool:
    """Return whether *path* exists below the root or next to *page*, or ends the path of a file."""
    if any(list(base.glob(path.rstrip("/"))) for base in (ROOT, page.parent)):
        return True
    from_root = path.partition("/")[0] in {folder.name for folder in FOLDERS}
    return not from_root and any(file.endswith(f"/{path}") for file in files())


def paths(text: str) -> list[str]:
    """Return the quotations in *text* that name a file, or a path below one of our folders."""
    quoted = [q for q in re.findall(r"`([^`\n]+)`", text) if _PATH.fullmatch(q)]
    tops = tuple(f"{folder.name}/" for folder in FOLDERS)
    return [q for q in quoted if q[0] != "." and (_FILE.fullmatch(q) or q.startswith(tops))]


@pytest.mark.parametrize("name", PAGES)
def test_everything_that_a_page_names_exists(name: str) -> None:
    """The files, relative links, make targets and modules that *name* mentions exist."""
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    code = "\n".join(map("".join, _CODE.findall(text)))
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    missing = [path for path in paths(text) if not is_there(path, page)]
    links = [
        link
        for link in re.findall(r"\]\((?!\w+:)([^)#\s]+)", text)
        if not (page.parent / link).exists()
    ]
    makes = [t for t in re.findall(r"\bmake ([a-z][a-z-]*)", code) if t not in targets]
    ours = "|".join(folder.name for folder in FOLDERS)
    modules = [
        module
        for module in re.findall(rf"python -m ((?:{ours})[\w.]*)", code)
        if importlib.util.find_spec(module) is None
    ]

    assert (missing, links, makes, modules) == ([], [], [], [])
