"""The capacity calculator: its coefficients, its output, its page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.capacity import command, tables
from deploy.capacity.figures import NAMES, FiguresError, read_figures


def figure(name: str, ours: float) -> dict[str, Any]:
    """Return a figure as the bench writes it, with a reference."""
    return {"name": name, "ours": ours, "reference": {"name": "other", "value": 2 * ours}}


def run_of(tmp_path: Path, **changes: Any) -> Path:
    """Return the file of a run with every figure, with *changes* of its top-level fields."""
    run: dict[str, Any] = {
        "quick": False,
        "machine": {"cores": "2 of 2"},
        "versions": {"commit": "abc", "Kafka": "1", "Cassandra": "2"},
        "rows": [{"figures": [figure(name, 10.0 + n) for n, name in enumerate(NAMES)]}],
    }
    file = tmp_path / "run.json"
    file.write_text(json.dumps(run | changes))
    return file


def test_figures_are_read_by_their_names(tmp_path: Path) -> None:
    """Their order and other content of the file do not matter."""
    found = read_figures([run_of(tmp_path)])

    assert found.coefficients.put_us == 10.0
    assert found.coefficients.single_us == 2 * found.coefficients.row_us
    assert found.coefficients.cores == 2
    assert "abc" in found.origin


def test_a_later_file_wins(tmp_path: Path) -> None:
    """So a single row of the bench can be measured again."""
    first = run_of(tmp_path)
    later = tmp_path / "later.json"
    rows = [{"figures": [{"name": NAMES[0], "ours": 77.0}]}]
    later.write_text(json.dumps(json.loads(first.read_text()) | {"rows": rows}))

    assert read_figures([first, later]).coefficients.put_us == 77.0


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_figure_is_named(tmp_path: Path, name: str) -> None:
    """There are no defaults for missing figures."""
    rows = [{"figures": [figure(other, 1.0) for other in NAMES if other != name]}]

    with pytest.raises(FiguresError) as caught:
        read_figures([run_of(tmp_path, rows=rows)])
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quick": True}, "quick"),
        ({"rows": "none"}, "not a run of the bench"),
        ({"machine": {"cores": "some"}}, "number of cores"),
        ({"rows": [{"figures": [figure(n, 0.0) for n in NAMES]}]}, "measured nothing"),
        ({"rows": [{"figures": [{"name": n, "ours": 1.0} for n in NAMES]}]}, "no reference"),
    ],
)
def test_a_file_that_is_not_a_full_run_is_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    """Any result computed from it would be wrong."""
    with pytest.raises(FiguresError, match=words):
        read_figures([run_of(tmp_path, **changes)])


def test_wrong_input_ends_with_status_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the missing file or the wrong option."""
    assert command.main(["--bench", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        command.main(["--put-share", "2"])


def test_it_prints_text_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both contain the same result."""
    options = ["--bench", str(run_of(tmp_path)), "--rate", "5000", "--domains", "1e6"]

    assert command.main(options) == 0
    text = capsys.readouterr().out
    assert command.main([*options, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)

    assert "5,000 events/s, 1,000,000 domains" in text
    assert whole["load"]["rate"] == 5000
    assert f"partitions: {whole['need']['partitions']}" in text


def test_the_tables_of_the_page_are_up_to_date() -> None:
    """They are generated: `python -m deploy.capacity --write` renews them."""
    text = command.PAGE.read_text()

    assert tables.renew(text, read_figures(command.measured())) == text


def test_every_table_is_on_the_page_once() -> None:
    """Otherwise `--write` would not renew it."""
    text = command.PAGE.read_text()

    for name in (*tables.series(), "origin"):
        assert text.count(f"<!-- table: {name} -->") == 1


def test_the_text_names_the_tier_that_needs_the_most_cores() -> None:
    """Under each table after which it names one, and as the last column says."""
    named = re.findall(
        r"^\| most cores \|.* (\w+) \|\n<!-- end -->\n\n\*\*What breaks first: (\w+),\*\*",
        command.PAGE.read_text(),
        re.MULTILINE,
    )
    assert named == [("Cassandra", "Cassandra"), ("Kafka", "Kafka")]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (1_234, "1.23 kB"), (5e15, "5 PB")]
)
def test_sizes_are_short(value: float, text: str) -> None:
    """Three digits and a unit."""
    assert tables.size(value) == text
