"""A parser for our Dockerfile, as far as the tests need it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
PATH = ROOT / "deploy" / "Dockerfile"
_KNOWN = {
    *("ARG", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN"),
    *("STOPSIGNAL", "USER", "WORKDIR"),
}
_PAIR = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\S+)')


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with its continued lines joined; ``stage`` is its number of the FROM."""

    word: str
    text: str
    stage: int

    @property
    def pairs(self) -> dict[str, str]:
        """The names and values of an ENV or LABEL."""
        return {name: value.strip('"') for name, value in _PAIR.findall(self.text)}

    @property
    def exec_form(self) -> list[str]:
        """The words of the JSON array (exec form)."""
        words: list[str] = json.loads(self.text[self.text.index("[") :])
        return words


def parse(text: str) -> list[Instruction]:
    """Return the instructions. Raises ValueError for an instruction that we do not use."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found, stage = [], 0
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.partition(" ")
        if not word:
            continue
        if word not in _KNOWN:
            raise ValueError(f"{word!r} is not a known instruction")
        stage += word == "FROM"
        found.append(Instruction(word, rest.strip(), stage))
    return found


def copied(instructions: list[Instruction]) -> list[tuple[list[str], str]]:
    """Return the sources and the target of each COPY from the project."""
    found = []
    for instruction in instructions:
        if instruction.word == "COPY" and not instruction.text.startswith("--from"):
            *sources, target = instruction.text.split()
            found.append((sources, target))
    return found
