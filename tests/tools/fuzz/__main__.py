"""Fuzz an ingest node for a while: ``python -m tests.tools.fuzz --seconds 60``.

Inputs that reached new code are kept in the folder and start the next run. What fails is saved
there too, and the exit status is 1; ``--replay FILE`` tries such an input alone.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

_STATISTIC = re.compile(r"stat::(\w+):\s+(\d+)")
_COVERAGE = re.compile(r"\bcov: (\d+)\b.*\bcorp: (\d+)/")
_LOUD = ("#", "INFO: ", "WARNING: ", "stat::")
"""How libFuzzer's own lines begin; all others are about a finding."""


def main(
    seconds: Annotated[int, typer.Option(min=1, help="how long")] = 60,
    seed: Annotated[int, typer.Option(help="of the mutations; 0: any")] = 0,
    folder: Annotated[Path, typer.Option(help="what is kept from run to run")] = Path(
        ".local/fuzz"
    ),
    replay: Annotated[Path | None, typer.Option(help="try this input alone")] = None,
) -> None:
    """Fuzz, say how far it came, and exit with 1 if there was a finding."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    options = [f"-artifact_prefix={folder}/", "-error_exitcode=1", "-print_final_stats=1"]
    if replay is None:
        limits = ["-max_len=4096", "-timeout=20", "-rss_limit_mb=2048"]
        options += [f"-max_total_time={seconds}", f"-seed={seed}", *limits, str(corpus)]
    else:
        options.append(str(replay))
    child = subprocess.Popen(
        (sys.executable, "-m", "tests.tools.fuzz.ingest", *options),
        stderr=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, str] = {}
    assert child.stderr is not None
    for line in child.stderr:
        if found := _STATISTIC.match(line):
            figures[found[1]] = found[2]
        elif found := _COVERAGE.search(line):
            figures["coverage"], figures["corpus"] = found.groups()
        if not line.startswith(_LOUD):
            typer.echo(line, nl=False, err=True)
    status = child.wait()
    typer.echo(
        f"{figures.get('number_of_executed_units', '?')} inputs, "
        f"{figures.get('average_exec_per_sec', '?')}/s; coverage {figures.get('coverage', '?')} "
        f"by {figures.get('corpus', '?')} inputs kept; "
        + ("no finding" if status == 0 else f"a finding: its input is in {folder}/")
    )
    raise typer.Exit(1 if status else 0)


if __name__ == "__main__":
    typer.run(main)
