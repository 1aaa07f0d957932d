"""A history is read back as it was written, or refused with the line."""

from pathlib import Path

import pytest

from tests.tools.chaos.history import HistoryError, HistoryWriter, read_history
from tests.unit.tools.chaos.check.story import Story

_RUN = (
    b'{"type":"run","t":0,"seed":1,"began":"","threshold":3,"nodes":[],'
    b'"promise":{"refusal_seconds":5,"visible_seconds":2,"memory_bytes":1}}\n'
)


def test_every_line_is_read_as_it_was_written(tmp_path: Path) -> None:
    """One of each type."""
    story = Story().sent(1, key="k").read(2, 1).fault("kill", "kafka-1", 3, 4).unable(5, 6)
    story.pulse(7, ready={"ingest-1": None}, lag=None).settled(visible=None).final(1).rows()
    path = tmp_path / "history.jsonl"
    with HistoryWriter(path) as writer:
        for line in story.lines:
            writer.write(line)
    assert list(read_history(path)) == story.lines


def test_a_line_is_in_the_file_before_write_returns(tmp_path: Path) -> None:
    """A kill loses no written line."""
    path = tmp_path / "history.jsonl"
    with HistoryWriter(path) as writer:
        writer.write(Story().lines[0])
        assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (b"", "the file is empty"),
        (b'{"type":"healed","t":1}\n', "line 1: the first line, and no other, describes the run"),
        (_RUN + _RUN, "line 2: the first line, and no other, describes the run"),
        (_RUN + b'{"type":"healed","t":1', "line 2: Input data was truncated"),
        (_RUN + b"\n", "line 2: "),
        (_RUN + b'{"type":"nothing","t":1}\n', "line 2: Invalid value 'nothing'"),
        (_RUN + b'{"type":"healed"}\n', "line 2: Object missing required field `t`"),
        (_RUN + b'{"type":"unable","t":1,"phase":"middle"}\n', "line 2: Invalid enum value"),
        (_RUN + b'{"type":"healed","t":\xff}\n', "line 2: "),
        (
            _RUN + b'{"type":"final","t":1,"node":"q","answers":[["a","unknown",1,0,9]]}\n',
            "line 2: Expected `array`",
        ),
    ],
)
def test_another_file_is_refused_with_the_line(
    tmp_path: Path, lines: bytes, complaint: str
) -> None:
    """The message says where and why."""
    path = tmp_path / "history.jsonl"
    path.write_bytes(lines)
    with pytest.raises(HistoryError) as caught:
        list(read_history(path))
    assert complaint in str(caught.value)
