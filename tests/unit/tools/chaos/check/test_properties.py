"""The checker accepts every history of a correct system, and finds a wrong count."""

from collections import defaultdict
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.chaos.check.rules import check
from tests.tools.chaos.history import Answer, Final, Read, Request, SentEvent
from tests.tools.load.streams.event import Kind, Outcome
from tests.unit.tools.chaos.check.story import THRESHOLD, Story

_DOMAINS = ("a.example", "b.example", "c.example")
_STRANGER = "never.example"


@dataclass
class _System:
    """A correct counter; time passes in steps of a hundredth of a second."""

    counts: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    keys: set[tuple[str, str]] = field(default_factory=set)

    def count(self, event: SentEvent) -> None:
        """Count *event* unless its key is known."""
        name = event.domain.lower()
        if event.key is not None:
            if (name, event.key) in self.keys:
                return
            self.keys.add((name, event.key))
        self.counts[name][event.kind is Kind.BOUNCED] += event.count

    def answer(self, name: str) -> Answer:
        """Return the answer of the API."""
        delivered, bounced = self.counts.get(name, (0, 0))
        enough = "catch-all" if delivered > THRESHOLD else "unknown"
        return Answer(name, "not catch-all" if bounced else enough, delivered, bounced)


@st.composite
def _truths(draw: st.DrawFn) -> Story:
    """A run of a correct system: requests with any outcome, and reads between them."""
    story, system, now = Story(), _System(), 0.0
    for number in range(draw(st.integers(1, 15))):
        now += draw(st.integers(1, 50)) / 100
        if draw(st.booleans()):
            names = draw(st.lists(st.sampled_from((*_DOMAINS, _STRANGER)), min_size=1, max_size=3))
            answers = [system.answer(name) for name in names]
            # Read at once, while the question was under way: it began before and ended later.
            sent, t = now - draw(st.integers(0, 90)) / 100, now + draw(st.integers(0, 90)) / 100
            node = draw(st.sampled_from(("query-1", "query-2")))
            story.lines.append(Read(t=t, sent=sent, node=node, status=200, answers=answers))
        else:
            _send(draw, story, system, now, number)
    names = [*_DOMAINS, _STRANGER]
    answers = [system.answer(name) for name in names]
    story.settled(t=now + 50)
    story.lines.append(Final(t=now + 60, node="query-1", answers=answers))
    first, *rest = story.lines
    Random(draw(st.integers(0, 1_000))).shuffle(rest)
    story.lines = [first, *rest]
    return story


def _send(draw: st.DrawFn, story: Story, system: _System, now: float, number: int) -> None:
    """Send one request; it is counted at *now*, between its sending and its answer."""
    outcome = draw(st.sampled_from(Outcome))
    events = []
    for _ in range(draw(st.integers(1, 3))):
        name, kind = draw(st.sampled_from(_DOMAINS)), draw(st.sampled_from(Kind))
        repeated = draw(st.booleans())
        # One of four keys for each kind, always of one event, or none.
        key = f"{kind}-{draw(st.integers(0, 1))}" if repeated else None
        spelled = name.upper() if draw(st.booleans()) else name
        count = 2 if repeated else draw(st.integers(1, 3))
        events.append(SentEvent(spelled, kind, count, key, outcome))
    for event in events:
        if outcome is Outcome.ACCEPTED or (outcome is Outcome.UNANSWERED and draw(st.booleans())):
            system.count(event)
    status = {Outcome.ACCEPTED: 202, Outcome.REFUSED: 503, Outcome.UNANSWERED: None}[outcome]
    story.lines.append(
        Request(
            t=now + draw(st.integers(0, 90)) / 100,
            sent=now - draw(st.integers(0, 90)) / 100,
            way="bulk",
            node=f"ingest-{1 + number % 2}",
            status=status,
            events=events,
        )
    )


@settings(max_examples=100)
@given(_truths())
def test_a_correct_history_has_no_finding(story: Story) -> None:
    """In whatever order its lines are."""
    verdict = check(story.lines)
    assert not verdict.findings
    assert verdict.ok is any(isinstance(line, Request) for line in story.lines)


@settings(max_examples=60)
@given(_truths(), st.sampled_from(_DOMAINS), st.sampled_from(Kind), st.sampled_from([-1, 1]))
def test_a_final_count_outside_its_bounds_is_found(
    story: Story, domain: str, kind: Kind, beyond: int
) -> None:
    """One less than accepted, or one more than sent, each key once."""
    keyed: dict[tuple[str, str], tuple[int, bool]] = {}
    accepted = most = 0
    for line in story.lines:
        for event in line.events if isinstance(line, Request) else ():
            if (event.domain.lower(), event.kind) != (domain, kind):
                continue
            if event.outcome is Outcome.REFUSED:
                continue
            sure = event.outcome is Outcome.ACCEPTED
            if event.key is not None:
                before = keyed.get((domain, event.key), (0, False))[1]
                keyed[domain, event.key] = (event.count, before or sure)
                continue
            most += event.count
            accepted += event.count if sure else 0
    most += sum(count for count, _ in keyed.values())
    accepted += sum(count for count, sure in keyed.values() if sure)
    wrong = most + 1 if beyond > 0 else accepted - 1
    counts = (wrong, 0) if kind is Kind.DELIVERED else (0, wrong)
    story.final(*counts, domain=domain, t=10_000)
    if wrong >= 0:
        assert ("R2" if beyond > 0 else "R1") in story.broken()
