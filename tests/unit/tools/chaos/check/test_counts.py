"""R1 to R4: the answers about a domain."""

import pytest

from tests.tools.chaos.check.verdict import Guarantee, Standing
from tests.tools.chaos.history import HistoryError, StoredRow
from tests.unit.tools.chaos.check.story import Story


def test_exact_counts_hold() -> None:
    """Counts that follow the events, and a stranger without counts, break nothing."""
    story = Story().sent(1).sent(2, "bounced").read(1.5, 1).read(3, 1, 1).final(1, 1)
    story.final(domain="never.example")
    assert story.broken() == set()
    for guarantee in (Guarantee.R1, Guarantee.R2, Guarantee.R3, Guarantee.R4):
        assert story.standing(guarantee) is Standing.HELD
    assert story.verdict().ok


@pytest.mark.parametrize("kind", ["delivered", "bounced"])
def test_a_lost_event_breaks_r1(kind: str) -> None:
    """A final count below the accepted events is a loss, in either kind."""
    story = Story().sent(1, kind).sent(2, kind)
    story.final(*_counts(kind, 1))
    assert story.broken() == {"R1"}


def test_each_node_must_have_all_in_the_end() -> None:
    """A second query node that shows less is a loss, though the first shows everything."""
    assert Story().sent(1).final(1).final(0, node="query-2").broken() == {"R1"}
    assert Story().sent(1).final(0).final(1, node="query-2").broken() == {"R1"}


def test_the_last_final_answer_of_a_node_counts() -> None:
    """An early final answer may lack an event that a later one has."""
    assert Story().sent(1).final(0, t=95).final(1, t=99).broken() == set()


def test_a_domain_without_final_answer_breaks_r1() -> None:
    """Nothing proves that its accepted events were kept."""
    story = Story().sent(1).sent(1, domain="b.example").final(1)
    assert story.broken() == {"R1"}
    assert story.verdict().findings[0].domain == "b.example"


def test_without_any_final_answer_nothing_is_proved() -> None:
    """A truncated history is not a success."""
    verdict = Story().sent(1).read(2, 1).verdict()
    assert verdict.of(Guarantee.R1).standing is Standing.NOT_EXERCISED
    assert not verdict.findings
    assert not verdict.ok
    assert "nothing is proved" in verdict.sentence


@pytest.mark.parametrize("kind", ["delivered", "bounced"])
def test_an_invented_event_breaks_r2(kind: str) -> None:
    """A final count above the sent events is invented, in either kind."""
    story = Story().sent(1, kind)
    story.final(*_counts(kind, 2))
    assert story.broken() == {"R2"}


@pytest.mark.parametrize("count", [1, 2])
def test_an_unanswered_event_may_be_counted_or_not(count: int) -> None:
    """Its outcome is unknown."""
    story = Story().sent(1).sent(2, outcome="unanswered").final(count)
    assert story.broken() == set()


def test_a_refused_event_must_not_be_counted() -> None:
    """A refusal is a promise, too."""
    assert Story().sent(1).sent(2, outcome="refused").final(2).broken() == {"R2"}


def test_a_count_read_before_its_event_was_sent_breaks_r2() -> None:
    """An answer shows at most the events sent before it arrived."""
    assert Story().sent(1).sent(5).read(3, 2).final(2).broken() == {"R2"}


def test_a_count_read_before_its_event_was_answered_holds() -> None:
    """The event may be counted before its sender has the answer."""
    assert Story().sent(1, took=4.0).read(2, 1).final(1).broken() == set()


def test_the_count_of_a_line_multiplies() -> None:
    """A bulk line may stand for several mails."""
    assert Story().sent(1, count=5).final(5).broken() == set()
    assert Story().sent(1, count=5).final(1).broken() == {"R1"}


@pytest.mark.parametrize(("before", "after"), [((2, 0), (1, 0)), ((0, 2), (0, 1))])
def test_a_count_that_goes_back_breaks_r3(before: tuple[int, int], after: tuple[int, int]) -> None:
    """A later read shows less than an earlier one, from any node."""
    kind = "delivered" if before[0] else "bounced"
    story = Story().sent(1, kind).sent(2, kind).read(3, *before).read(4, *after, node="query-2")
    assert story.final(*before).broken() == {"R3"}


def test_a_count_below_an_earlier_one_but_not_the_last_breaks_r3() -> None:
    """2, then 1 twice: the comparison is with the highest, not with the previous one."""
    story = Story().sent(1).sent(1).read(3, 2).read(3.01, 1, sent=2.9).read(4, 1).final(2)
    assert story.broken() == {"R3"}


def test_overlapping_reads_have_no_order() -> None:
    """Either of two simultaneous reads may show more."""
    story = Story().sent(1).sent(2).read(3, 2).read(4, 1, sent=2.9).final(2)
    assert story.broken() == set()


def test_a_final_count_below_an_earlier_read_breaks_r3() -> None:
    """An unanswered event was visible: it must not disappear."""
    story = Story().sent(1, outcome="unanswered").read(3, 1).final(0)
    assert story.broken() == {"R3"}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [("not catch-all", "catch-all"), ("not catch-all", "unknown"), ("catch-all", "unknown")],
)
def test_a_status_that_goes_back_breaks_r3(earlier: str, later: str) -> None:
    """Each pair in the wrong order, whatever the counts are."""
    story = Story().sent(1).read(3, 1, status=earlier).read(4, 1, status=later).final(1)
    findings = [f.reason for f in story.verdict().findings if f.guarantee is Guarantee.R3]
    assert any(f"had answered '{earlier}'" in reason for reason in findings)


@pytest.mark.parametrize(
    ("delivered", "bounced", "status"),
    [
        (3, 0, "catch-all"),
        (4, 0, "unknown"),
        (4, 1, "catch-all"),
        (0, 1, "unknown"),
        (0, 0, "not catch-all"),
        (1, 0, "perhaps"),
    ],
)
def test_a_status_that_contradicts_its_counts_breaks_r3(
    delivered: int, bounced: int, status: str
) -> None:
    """The threshold is not enough, one above it is, and one bounce decides."""
    story = Story().sent(1, count=4).sent(1, "bounced").final(4, 1)
    assert story.read(3, delivered, bounced, status=status).broken() == {"R3"}


def test_a_domain_never_sent_must_have_no_counts() -> None:
    """A stranger with counts is invented, too."""
    story = Story().sent(1).final(1).final(1, domain="never.example")
    assert story.broken() == {"R2", "R4"}


def test_a_domain_never_sent_must_be_unknown() -> None:
    """A stranger with a status and no counts has the answer of another domain."""
    story = Story().sent(1).final(1).final(domain="never.example", status="catch-all")
    assert story.broken() == {"R3", "R4"}


def test_a_kind_never_sent_must_have_no_count() -> None:
    """A delivery counted as a bounce is lost, invented and mixed up."""
    assert Story().sent(1).final(0, 1).broken() == {"R1", "R2", "R4"}


def test_spellings_are_one_domain() -> None:
    """The events of three spellings add up."""
    story = Story().sent(1).sent(2, domain="A.Example").sent(3, domain="A.EXAMPLE")
    assert story.final(3).final(3, domain="A.Example").broken() == set()


def test_spellings_counted_apart_break_r4() -> None:
    """The final count is that of one spelling."""
    story = Story().sent(1).sent(2).sent(3, domain="A.Example").final(2)
    assert story.broken() == {"R1", "R4"}
    story = Story().sent(1, count=7).sent(3, domain="A.Example", count=5).final(5)
    assert story.broken() == {"R1", "R4"}


def test_spellings_that_differ_in_the_end_break_r4() -> None:
    """One node, one domain, two answers."""
    story = Story().sent(1).sent(2, outcome="unanswered").final(1).final(2, domain="A.Example")
    assert story.broken() == {"R4"}


def test_without_a_stranger_r4_is_not_exercised() -> None:
    """Nobody read a domain without events."""
    assert Story().sent(1).final(1).standing(Guarantee.R4) is Standing.NOT_EXERCISED


def test_repeats_of_a_key_are_one_event() -> None:
    """Accepted twice, in two spellings, counted once."""
    story = Story().sent(1, key="k").sent(2, key="k", domain="A.EXAMPLE", node="ingest-2")
    assert story.final(1).broken() == set()
    story = Story().sent(1, key="k").sent(2, key="k").final(2)
    assert story.broken() == {"R2"}


def test_a_key_that_was_accepted_once_must_be_counted() -> None:
    """Unanswered at first and accepted at the second try: exactly one."""
    story = Story().sent(1, key="k", outcome="unanswered").sent(2, key="k")
    assert story.final(0).broken() == {"R1"}
    story = Story().sent(1, key="k", outcome="unanswered").sent(2, key="k")
    assert story.read(1.5, 1).final(1).broken() == set()


def test_a_key_never_answered_counts_at_most_once() -> None:
    """Two unanswered requests are still one event."""
    for count, broken in ((0, set()), (1, set()), (2, {"R2"})):
        story = Story().sent(1, key="k", outcome="unanswered")
        story.sent(2, key="k", outcome="unanswered")
        assert story.final(count).broken() == broken


def test_a_key_may_show_from_its_earliest_request_on() -> None:
    """The repeat was answered first, so its line is first."""
    story = Story().sent(3, key="k").sent(1, key="k", took=9.0).read(2, 1).final(1)
    assert story.broken() == set()


def test_a_refused_request_of_a_key_counts_for_nothing() -> None:
    """The count may be visible from the first request that was not refused."""
    story = Story().sent(1, key="k", outcome="refused").sent(5, key="k").read(3, 1).final(1)
    assert story.broken() == {"R2"}


def test_one_key_in_two_domains_is_two_events() -> None:
    """Keys belong to a domain."""
    story = Story().sent(1, key="k").sent(1, key="k", domain="b.example")
    assert story.final(1).final(1, domain="b.example").broken() == set()


@pytest.mark.parametrize(("kind", "count"), [("bounced", 1), ("delivered", 2)])
def test_one_key_for_two_events_is_not_a_history(kind: str, count: int) -> None:
    """A sender that mixes up its keys proves nothing."""
    story = Story().sent(1, key="k").sent(2, kind, key="k", count=count).final(1)
    with pytest.raises(HistoryError, match="different events"):
        story.verdict()


def test_the_first_wrong_domain_is_named_with_its_rows() -> None:
    """The earliest finding about a domain comes with its rows in the store."""
    row = StoredRow("events/0", "w", 1, 0, 1)
    story = Story().sent(1).sent(1, domain="b.example").read(3, 2, domain="b.example")
    story.final(0).final(1, domain="b.example").rows(row, domain="B.example")
    wrong = story.verdict().first_wrong
    assert wrong is not None
    assert wrong.finding.domain == "b.example"
    assert wrong.rows == [row]


def _counts(kind: str, count: int) -> tuple[int, int]:
    return (count, 0) if kind == "delivered" else (0, count)
