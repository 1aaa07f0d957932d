"""Look for known vulnerabilities in the lock: ``python -m tests.tools.dependencies.audit``.

Exit status 0: nothing is known, or nobody could be asked, which is said aloud: whoever works
without a network must be able to work. 1: something was found. 2: the service answers, but
``pip-audit`` gives no report. ``--url`` names another service that speaks OSV's language.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import msgspec
import typer

from tests.tools.dependencies.project import LOCK, read_pyproject

OSV = "https://api.osv.dev/v1/query"
KNOWN = {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "version": "2.4.1"}
"""Has been vulnerable for years: a service that knows nothing of it knows nothing at all."""
ATTEMPTS = 2


class Outcome(IntEnum):
    """What came of it, as an exit status; two of them are 0 for the caller."""

    CLEAN = 0
    FOUND = 1
    FAILED = 2
    UNREACHABLE = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an answer may take, and a whole audit."""

    answer_seconds: float = 5.0
    audit_seconds: float = 90.0


class Vulnerability(msgspec.Struct):
    """One of pip-audit's findings."""

    id: str
    fix_versions: Sequence[str] = ()
    aliases: Sequence[str] = ()


class Package(msgspec.Struct):
    """One package of pip-audit's report, looked up or not."""

    name: str
    version: str = ""
    vulns: Sequence[Vulnerability] = ()
    skip_reason: str | None = None


class Report(msgspec.Struct):
    """What pip-audit writes."""

    dependencies: Sequence[Package]


def judge(report: Report) -> tuple[Outcome, Sequence[str]]:
    """Return what *report* comes to, in sentences. What was not looked up is no good news."""
    found = [
        f"{package.name} {package.version}: {vulnerability.id}"
        + (f" ({', '.join(vulnerability.aliases)})" if vulnerability.aliases else "")
        + f", fixed in {', '.join(vulnerability.fix_versions) or 'no version yet'}"
        for package in report.dependencies
        for vulnerability in package.vulns
    ]
    if found:
        return Outcome.FOUND, found
    skipped = [f"{at.name}: {at.skip_reason}" for at in report.dependencies if at.skip_reason]
    if skipped or not report.dependencies:
        return Outcome.FAILED, skipped or ["pip-audit looked nothing up"]
    return Outcome.CLEAN, [f"none of {len(report.dependencies)} packages is known to be vulnerable"]


async def why_not(url: str, seconds: float) -> str | None:
    """Return why the service at *url* is of no use now, or None if it is."""
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.post(url, json=KNOWN) as answer,
        ):
            if answer.status != 200:
                return f"it answers {answer.status}"
            told: Any = msgspec.json.decode(await answer.read())
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    except aiohttp.ClientError as error:
        return str(error) or type(error).__name__
    except msgspec.DecodeError:
        return "its answer is no JSON"
    if not isinstance(told, dict) or not told.get("vulns"):
        return "it does not know of what everybody knows"
    return None


def _read(report: Path) -> bytes:
    return report.read_bytes()


async def run_pip_audit(
    url: str, lock: Path, ignored: Collection[str], limits: Limits
) -> Report | str:
    """Return pip-audit's report, or the last that it said where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "report.json")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes"),
            *("--disable-pip", "--vulnerability-service", "osv", "--osv-url", url),
            *("--timeout", str(max(1, round(limits.answer_seconds)))),
            *("--format", "json", "--desc", "off", "--output", str(written)),
            *("--progress-spinner", "off", "--cache-dir", str(Path(folder, "cache"))),
            *(word for name in sorted(ignored) for word in ("--ignore-vuln", name)),
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(limits.audit_seconds):
                _, told = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return f"not done within {limits.audit_seconds:g} s"
        try:
            return msgspec.json.decode(_read(written), type=Report)
        except (OSError, msgspec.DecodeError):
            return (told.decode().strip().splitlines() or ["it said nothing"])[-1]


async def settle(
    useless: Callable[[], Awaitable[str | None]], attempt: Callable[[], Awaitable[Report | str]]
) -> tuple[Outcome, Sequence[str]]:
    """Attempt an audit, once more if that gives no report, and return what came of it.

    pip-audit ends in the same way for a finding, a network that fails and a defect of its own. So
    before each attempt the service itself is asked whether it is of use.
    """
    said = ""
    for _ in range(ATTEMPTS):
        if reason := await useless():
            return Outcome.UNREACHABLE, [reason]
        found = await attempt()
        if isinstance(found, Report):
            return judge(found)
        said = found
    return Outcome.FAILED, [f"pip-audit gives no report: {said}"]


async def audit(
    url: str, lock: Path, ignored: Collection[str], limits: Limits
) -> tuple[Outcome, Sequence[str]]:
    """Look every version of *lock* up, except for what is *ignored*."""
    return await settle(
        lambda: why_not(url, limits.answer_seconds),
        lambda: run_pip_audit(url, lock, ignored, limits),
    )


def main(
    url: Annotated[str, typer.Option(help="whom to ask")] = OSV,
    lock: Annotated[Path, typer.Option(help="what to look up")] = LOCK,
) -> None:
    """Audit, say what came of it."""
    ignored = read_pyproject()["tool"]["catchall"]["vulnerabilities"]
    outcome, lines = asyncio.run(audit(url, lock, ignored, Limits()))
    if outcome is Outcome.UNREACHABLE:
        typer.echo(
            f"vulnerabilities: NOT LOOKED FOR, as the service cannot be reached: {lines[0]}",
            err=True,
        )
        raise typer.Exit(0)
    for line in lines:
        typer.echo(f"vulnerabilities: {line}", err=outcome is not Outcome.CLEAN)
    raise typer.Exit(outcome)


if __name__ == "__main__":
    typer.run(main)
