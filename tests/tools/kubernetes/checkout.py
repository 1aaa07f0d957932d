"""A copy of the checkout to apply from, and the commands that the README gives."""

import re
import shutil
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.tools.trial import ROOT, TrialError

_README = ROOT / "deploy" / "kubernetes" / "README.md"
_ANSWERS = {
    "$EDITOR": "true",
    "YOUR-REGISTRY": "registry.example.com",
    "DIGEST": "0123456789abcdef" * 4,
}
"""What a reader would put in place of these words."""


class Checkout:
    """A folder with everything that the repository has; `deploy` is a copy that may be changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        for each in ROOT.iterdir():
            if each.name != "deploy":
                (root / each.name).symlink_to(each)
        own = shutil.ignore_patterns("keys.json", "__pycache__")
        shutil.copytree(ROOT / "deploy", root / "deploy", ignore=own)
        self.manifests = root / "deploy" / "kubernetes"

    def overlay(self, name: str) -> Path:
        """Return the folder of an overlay."""
        return self.manifests / "overlays" / name

    @contextmanager
    def edited(self, file: str, old: str, new: str) -> Iterator[None]:
        """Replace *old*, which must be there, by *new* in a manifest while the context is open."""
        path = self.manifests / file
        text = path.read_text()
        if old not in text:
            raise TrialError(f"{file} does not contain {old!r}")
        path.write_text(text.replace(old, new))
        try:
            yield
        finally:
            path.write_text(text)


def documented(overlay: str) -> str:
    """Return the commands of the README that apply *overlay*, from the project's root."""
    found = re.search(r"\n\n((?: {4}.*\n)+)", _README.read_text())
    script = textwrap.dedent(found[1]) if found else ""
    if overlay == "production":
        # It brings the file that the reader of `small` writes.
        script = re.sub(r"^cp .*\n", "", script, flags=re.MULTILINE).replace("small", overlay)
    return _answered(script)


def quoted(beginning: str) -> str:
    """Return the one command in the text of the README that begins with these words."""
    (found,) = re.findall(rf"`({re.escape(beginning)}[^`]*)`", _README.read_text())
    return _answered(found)


def _answered(script: str) -> str:
    for word, answer in _ANSWERS.items():
        script = script.replace(word, answer)
    return script
