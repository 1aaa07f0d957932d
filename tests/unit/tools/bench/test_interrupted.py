"""An interrupted run keeps its figures."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.tools.bench import __main__ as bench
from tests.tools.bench.report.measured import Measured
from tests.tools.bench.report.table import Run


@pytest.mark.parametrize("end", [KeyboardInterrupt, asyncio.CancelledError])
def test_ctrl_c_keeps_the_measured_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: type[BaseException]
) -> None:
    """In both files, with the exit status of an interrupt."""
    json_file, markdown_file = tmp_path / "run.json", tmp_path / "run.md"

    async def one_row(*arguments: Any) -> Run:
        keep: Callable[[Run], None] = arguments[-1]
        keep(
            Run(
                quick=True,
                date="2026-11-26",
                machine={},
                versions={},
                rows=[Measured(6, "GET", error="it broke")],
            )
        )
        raise end

    monkeypatch.setattr(bench, "run_bench", one_row)
    monkeypatch.setattr(bench, "quieten", lambda: None)
    with pytest.raises(typer.Exit) as exit_:
        bench.main(rows="6,5", quick=True, json_file=json_file, markdown_file=markdown_file)

    assert exit_.value.exit_code == bench.EXIT_INTERRUPTED
    assert '"GET"' in json_file.read_text()
    assert "it broke" in markdown_file.read_text()
