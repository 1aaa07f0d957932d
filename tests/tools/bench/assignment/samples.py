"""What was seen of the system while the load ran, and what it proves. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import linear_regression
from typing import NamedTuple

from tests.tools.bench.load_tool import LoadReport

MOST_GROWTH = 0.05
"""Seconds that the age of counts may grow each second in the last third: then it does not grow."""
_MIB = 1024 * 1024


class Usage(NamedTuple):
    """A process: its CPU seconds so far, and its memory."""

    cpu_seconds: float
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The system at a time; ``at`` is of ``perf_counter``."""

    at: float
    answered: float
    """Events that the ingest node has answered so far, with 202 or 503."""
    appended: float
    """Records in the topic so far."""
    unread: float
    """Records that no worker has read yet."""
    committed: float
    """Records below the committed offsets."""
    age_seconds: float
    """Of the oldest event that is read and not counted."""
    rows: float
    """Counter rows written so far, by the workers that are alive; so are the next two."""
    writes: float
    write_seconds: float
    """Of all writes together."""
    usage: Mapping[str, Usage]
    """By process; empty in most samples."""


def largest_age_seconds(samples: Sequence[Sample]) -> float:
    """Return the largest age of counts."""
    return max(sample.age_seconds for sample in samples)


def growth_of_age(samples: Sequence[Sample]) -> float:
    """Return by how many seconds a second the age of counts grew in the last third."""
    last = samples[2 * len(samples) // 3 :]
    return linear_regression([s.at for s in last], [s.age_seconds for s in last]).slope


def largest_commit_delay_seconds(samples: Sequence[Sample]) -> float:
    """Return for how long a record waited, at most, until its offset was committed.

    What a successor would read again. Known to the time between two samples.
    """
    longest, first = 0.0, 0
    for sample in samples:
        # Both numbers only grow, except that a rebalance hides commits for a moment.
        while samples[first].appended <= sample.committed and samples[first].at < sample.at:
            first += 1
        longest = max(longest, sample.at - samples[first].at)
    return longest


def why_not_held(
    report: LoadReport, rate: float, samples: Sequence[Sample], most_age_seconds: float
) -> str:
    """Return why *rate* was not held for the whole time; "" if it was."""
    if why := report.why_not_held(rate):
        return why
    age = largest_age_seconds(samples)
    if age > most_age_seconds:
        return f"counts were {age:.0f} s old"
    growth = growth_of_age(samples)
    if growth > MOST_GROWTH:
        return f"in the last third the age of counts grew by {growth:.2f} s each second"
    return ""


def describe_writes(now: Sample, before: Sample) -> str:
    """Return how the workers wrote between two samples, in words."""
    rows, writes = now.rows - before.rows, now.writes - before.writes
    if writes <= 0:
        return "no writes"  # or a worker has died
    milliseconds = (now.write_seconds - before.write_seconds) / writes * 1_000
    return (
        f"{rows / (now.at - before.at):,.0f} rows/s, {rows / writes:.0f} a write, "
        f"{milliseconds:.0f} ms each"
    )


def describe_usage(usage: Mapping[str, Usage]) -> str:
    """Return the memory of each process in words."""
    return ", ".join(f"{name} {at.resident_bytes / _MIB:,.0f} MiB" for name, at in usage.items())


def describe(now: Sample, before: Sample, began: float) -> str:
    """Return what happened between two samples, as a line."""
    seconds = now.at - before.at
    cores = ", ".join(
        f"{name} {(at.cpu_seconds - before.usage[name].cpu_seconds) / seconds:.2f}"
        for name, at in now.usage.items()
        if name in before.usage
    )
    return (
        f"{now.at - began:5.0f} s: {(now.answered - before.answered) / seconds:,.0f} events/s, "
        f"counts {now.age_seconds:.0f} s old, {now.unread:,.0f} records unread, "
        f"{now.appended - now.committed:,.0f} uncommitted; {describe_writes(now, before)}; "
        f"cores: {cores}; "
        f"{describe_usage(now.usage)}"
    )
