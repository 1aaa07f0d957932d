"""Read a Dockerfile, as far as its tests need it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PATH = ROOT / "deploy" / "Dockerfile"
_KNOWN = {
    *("ARG", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN"),
    *("STOPSIGNAL", "USER", "WORKDIR"),
}
_PAIR = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\S+)')


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its continued lines joined; ``stage`` counts the FROMs before it."""

    word: str
    text: str
    stage: int

    @property
    def pairs(self) -> dict[str, str]:
        """What an ENV or a LABEL sets."""
        return {name: value.strip('"') for name, value in _PAIR.findall(self.text)}

    @property
    def exec_form(self) -> list[str]:
        """The words of a JSON array, which no shell reads."""
        words: list[str] = json.loads(self.text[self.text.index("[") :])
        return words


def parse(text: str) -> list[Instruction]:
    """Return the instructions. Raises ValueError at a word that we do not use."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found, stage = [], 0
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.partition(" ")
        if not word:
            continue
        if word not in _KNOWN:
            raise ValueError(f"{word!r} begins no instruction")
        stage += word == "FROM"
        found.append(Instruction(word, rest.strip(), stage))
    return found


def copied(instructions: list[Instruction]) -> list[tuple[list[str], str]]:
    """Return what is copied from the project: the sources of each COPY, and where to."""
    found = []
    for instruction in instructions:
        if instruction.word == "COPY" and not instruction.text.startswith("--from"):
            *sources, target = instruction.text.split()
            found.append((sources, target))
    return found
