"""Write the software bill of materials: ``python -m tests.tools.dependencies.sbom [FILE]``.

CycloneDX 1.6, in JSON, by ``cyclonedx-py`` from the environment: every package with its version,
licence and what it depends on. To that we add what no package manager knows: the page's
libraries; and which packages are not shipped (their scope is ``excluded``). The same environment
gives the same bytes. It is written only if it is valid by CycloneDX's own schema.
"""

import json
import re
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import typer
from packaging.utils import canonicalize_name

from tests.tools.dependencies.closure import shipped
from tests.tools.dependencies.project import ROOT, read_pyproject

DEFAULT = Path(".local/sbom.json")
VENDOR = ROOT / "query" / "page" / "static" / "vendor" / "README.md"
SPEC_VERSION = "1.6"
_SECONDS = 300
_LIBRARY = re.compile(r"^\| (\S+) \| (\S+) \| ([\w.-]+) .*\| <(\S+)> \|$", re.MULTILINE)
_SCHEMA = "bom-1.6.SNAPSHOT.schema.json"
_REFERRED = ("spdx", "cryptography-defs", "jsf-0.82")


class SbomError(Exception):
    """There is no bill of materials, or not a valid one."""


def from_environment() -> dict[str, Any]:
    """Return what ``cyclonedx-py`` says of the environment that runs this."""
    command = (
        *(sys.executable, "-m", "cyclonedx_py", "environment", sys.prefix),
        *("--pyproject", str(ROOT / "pyproject.toml"), "--spec-version", SPEC_VERSION),
        *("--output-reproducible", "--output-format", "JSON", "--no-validate"),
    )
    ended = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if ended.returncode:
        raise SbomError(f"cyclonedx-py ended with {ended.returncode}: {ended.stderr.strip()}")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def page_libraries(readme: str) -> Sequence[Mapping[str, Any]]:
    """Return a component for each library that the page's folder *readme* lists."""
    return [
        {
            "bom-ref": f"{name}=={version}",
            "externalReferences": [{"type": "vcs", "url": source}],
            "licenses": [{"license": {"acknowledgement": "declared", "id": licence}}],
            "name": name,
            "purl": f"pkg:npm/{name}@{version}",
            "scope": "required",
            "type": "library",
            "version": version,
        }
        for name, version, licence, source in _LIBRARY.findall(readme)
    ]


def complete(
    sbom: Mapping[str, Any], libraries: Sequence[Mapping[str, Any]], ships: Collection[str]
) -> Mapping[str, Any]:
    """Return *sbom* with *libraries*, and for each package whether it is one of *ships*."""
    packages = [
        {
            **package,
            "scope": "required" if canonicalize_name(package["name"]) in ships else "excluded",
        }
        for package in sbom["components"]
    ]
    return {**sbom, "components": [*packages, *libraries]}


def problems(sbom: Mapping[str, Any]) -> Sequence[str]:
    """Return where *sbom* breaks CycloneDX's schema.

    Their own validator takes a quarter of a minute of CPU for it, this one a tenth of a second.
    """
    schemas = files("cyclonedx.schema") / "_res"
    referred = [
        (
            f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json",
            json.loads((schemas / f"{name}.SNAPSHOT.schema.json").read_text()),
        )
        for name in _REFERRED
    ]
    validator = jsonschema_rs.Draft7Validator(
        json.loads((schemas / _SCHEMA).read_text()),
        registry=jsonschema_rs.Registry(referred, draft=jsonschema_rs.Draft7),
        validate_formats=True,
    )
    return [
        f"{'/'.join(map(str, error.instance_path))}: {error.message}"
        for error in validator.iter_errors(sbom)
    ]


def make() -> Mapping[str, Any]:
    """Return the whole bill, or raise if there is none or it is not valid."""
    sbom = complete(
        from_environment(), page_libraries(VENDOR.read_text()), shipped(read_pyproject())
    )
    if wrong := problems(sbom):
        raise SbomError("\n".join(["it would not be valid:", *wrong]))
    return sbom


def main(target: Path) -> int:
    """Write the bill to *target*, or say why not."""
    try:
        sbom = make()
    except (SbomError, subprocess.TimeoutExpired) as error:
        typer.echo(f"no bill of materials: {error}", err=True)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(sbom, indent=2) + "\n")
    required = sum(part["scope"] == "required" for part in sbom["components"])
    typer.echo(f"{target}: {len(sbom['components'])} components, {required} of them shipped")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT))
