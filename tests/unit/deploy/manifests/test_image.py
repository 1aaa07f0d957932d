"""The image contains everything that its commands need, and no more."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.deploy.manifests import dockerfile
from tests.unit.deploy.manifests.dockerfile import ROOT
from tests.unit.deploy.manifests.locks import read_lock

INSTRUCTIONS = dockerfile.parse(dockerfile.PATH.read_text())
LAST_STAGE = [each for each in INSTRUCTIONS if each.stage == INSTRUCTIONS[-1].stage]
LOCK = ROOT / "deploy" / "requirements.lock"


def only(word: str) -> dockerfile.Instruction:
    """Return the only instruction *word* of the last stage."""
    (found,) = [each for each in LAST_STAGE if each.word == word]
    return found


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like /app in the image, made by its COPY instructions."""
    root = tmp_path_factory.mktemp("image")
    for sources, target in dockerfile.copied(INSTRUCTIONS):
        place = root / target.lstrip("/")
        for pattern in sources:
            found = list(ROOT.glob(pattern))
            assert found, f"COPY {pattern}: no such file"
            for path in found:
                if path.is_dir():
                    shutil.copytree(path, place, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    into = place / path.name if target.endswith("/") else place
                    into.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, into)
    return root / "app"


def test_the_base_image_has_an_exact_version() -> None:
    """With a moving tag, one commit would produce different images."""
    (base,) = {each.text for each in INSTRUCTIONS if each.stage == 0 and each.word == "ARG"}
    assert re.fullmatch(r"PYTHON_IMAGE=\S+:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base)
    assert {each.text.split()[0] for each in INSTRUCTIONS if each.word == "FROM"} == {
        "${PYTHON_IMAGE}"
    }


def test_it_runs_as_a_numeric_user_without_rights() -> None:
    """Kubernetes can verify that a number is not root, but not a name."""
    user, group = only("USER").text.split(":")
    assert int(user) >= 10_000
    assert int(group) >= 10_000


def test_signals_reach_the_node_without_a_shell() -> None:
    """Without the exec form, SIGTERM would end a shell, and the node would be killed later."""
    assert only("ENTRYPOINT").exec_form == ["python", "-m"]
    assert only("STOPSIGNAL").text == "SIGTERM"
    assert only("HEALTHCHECK").exec_form == ["python", "-m", "deploy.health", "livez"]


def test_it_writes_nothing_and_imports_only_installed_modules() -> None:
    """The root file system may be read-only; files in the working folder are never imported."""
    variables = only("ENV").pairs
    assert variables["PYTHONDONTWRITEBYTECODE"] == variables["PYTHONSAFEPATH"] == "1"
    assert variables["PYTHONPATH"] == only("WORKDIR").text == "/app"
    assert "compileall" in " ".join(each.text for each in INSTRUCTIONS if each.word == "RUN")


def test_all_labels_are_those_of_oci() -> None:
    """All are set; version, revision and time come from build arguments."""
    prefix = "org.opencontainers.image."
    labels = only("LABEL").pairs
    assert all(name.startswith(prefix) for name in labels)
    for name in ("version", "revision", "created"):
        assert labels[prefix + name] == f"${{{name.upper()}}}"
        assert any(each.text.startswith(f"{name.upper()}=") for each in LAST_STAGE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert labels[prefix + "description"] == project["description"]
    assert labels[prefix + "licenses"] == project["license"]


def test_the_build_context_is_what_is_copied() -> None:
    """Keys and data in a working copy do not reach the build engine."""
    first, *rest = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    sources = {each for sources, _ in dockerfile.copied(INSTRUCTIONS) for each in sources}
    assert first == "*"
    assert {line for line in rest if line.startswith("!")} == {f"!{each}" for each in sources}


@pytest.mark.parametrize("module", ["ingest", "consumer", "query", "deploy.prepare"])
def test_each_command_finds_its_imports(app: Path, module: str) -> None:
    """With only the files of the image it starts, and reports the missing settings."""
    variables = {"PATH": os.environ["PATH"], **only("ENV").pairs, "PYTHONPATH": str(app)}
    done = subprocess.run(
        [sys.executable, "-m", module],
        env=variables,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "KAFKA_BOOTSTRAP_SERVERS: Field required" in done.stderr
    assert "Traceback" not in done.stderr


def imported(folder: Path) -> Iterator[str]:
    """Yield the top-level package of each import in *folder*, late imports included."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.split(".")[0]


def test_every_imported_package_is_installed(app: Path) -> None:
    """This includes late imports, which would fail only in a running container."""
    own = {path.name for path in app.iterdir()}
    foreign = set(imported(app)) - own - sys.stdlib_module_names
    of_package = packages_distributions()
    locked = read_lock(LOCK).keys()
    for name in sorted(foreign):
        found = {canonicalize_name(each) for each in of_package[name]}
        assert found & locked, f"{name} is not in {LOCK.name}"


def test_its_lock_is_part_of_the_projects_lock() -> None:
    """The deployed versions and hashes are those that the tests ran with."""
    whole, runtime = read_lock(ROOT / "requirements.lock"), read_lock(LOCK)
    for name, pins in runtime.items():
        assert pins == whole[name], f"{name}: `make lock` renews both locks"
        assert all(pin.hashes for pin in pins)


def test_its_lock_has_all_requirements_and_no_tools() -> None:
    """It has the project's dependencies, those for tracing, and what these require."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pending = [*project["dependencies"], *project["optional-dependencies"]["tracing"]]
    needed: set[str] = set()
    while pending:
        requirement = Requirement(pending.pop())
        name = canonicalize_name(requirement.name)
        # We use no extras of our dependencies.
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if name not in needed:
            needed.add(name)
            pending += requires(name) or []
    optional = {"async-timeout"}  # only for older Pythons
    assert needed <= read_lock(LOCK).keys()
    assert read_lock(LOCK).keys() - needed <= optional
