"""R5 to R8: faults, windows and pulses."""

import pytest

from tests.tools.chaos.check.verdict import Guarantee, Standing
from tests.unit.tools.chaos.check.story import Story


def _refusing() -> Story:
    """Kafka can't store from 20 to 28 s, and one request is refused meanwhile."""
    return Story().unable(20, 28).sent(22, outcome="refused")


@pytest.mark.parametrize("guarantee", [Guarantee.R5, Guarantee.R6, Guarantee.R7, Guarantee.R8])
def test_without_evidence_nothing_holds(guarantee: Guarantee) -> None:
    """A quiet run shows nothing about faults."""
    story = Story().sent(1).final(1)
    assert story.standing(guarantee) is Standing.NOT_EXERCISED
    assert str(guarantee) in story.verdict().sentence


@pytest.mark.parametrize("kind", ["kill", "restart", "stop", "join", "leave", "freeze"])
def test_workers_that_move_exercise_r5(kind: str) -> None:
    """Exact counts although a worker joined, left or died."""
    story = Story().fault(kind, "worker-2", 5, 6).sent(1).final(1)
    assert story.standing(Guarantee.R5) is Standing.HELD


def test_faults_of_other_tiers_do_not_exercise_r5() -> None:
    """A dead broker moves no partition from worker to worker."""
    story = Story().fault("kill", "kafka-1", 5, 6).sent(1).final(1)
    assert story.standing(Guarantee.R5) is Standing.NOT_EXERCISED


@pytest.mark.parametrize(("count", "broken"), [(0, {"R1", "R5"}), (2, {"R2", "R5"})])
def test_wrong_counts_after_moved_workers_break_r5(count: int, broken: set[str]) -> None:
    """Lost or invented: the hand-over was not exact."""
    assert Story().fault("kill", "worker-1", 5, 6).sent(1).final(count).broken() == broken


def test_a_correct_refusal_holds() -> None:
    """503 in time, from a node that is alive."""
    story = _refusing().pulse(21).pulse(22)
    assert story.broken() == set()
    assert story.standing(Guarantee.R6) is Standing.HELD


def test_a_window_without_requests_exercises_nothing() -> None:
    """There is no refusal to judge."""
    story = Story().unable(20, 28).sent(1).final(1)
    assert story.standing(Guarantee.R6) is Standing.NOT_EXERCISED


def test_an_acceptance_while_kafka_cannot_store_breaks_r6() -> None:
    """The 202 is wrong, even if the count is right later."""
    assert _refusing().sent(23).final(1).broken() == {"R6"}


def test_an_event_accepted_within_a_refusal_breaks_r6() -> None:
    """A bulk 503 may accept some lines, but not in such a window."""
    assert _refusing().sent(23, status=503).final(1).broken() == {"R6"}


@pytest.mark.parametrize(("sent", "took"), [(19.9, 0.5), (27.9, 0.5), (28.0, 0.5)])
def test_an_acceptance_at_the_edges_of_the_window_holds(sent: float, took: float) -> None:
    """Sent before or answered after it: the event may have been stored outside."""
    assert _refusing().sent(sent, took=took).final(1).broken() == set()


def test_another_error_is_not_a_correct_refusal() -> None:
    """A 500 proves nothing to a sender."""
    assert _refusing().sent(23, outcome="refused", status=500).broken() == {"R6"}


def test_a_late_refusal_breaks_r6() -> None:
    """The deadline is 5 s, also for answers after the window."""
    assert _refusing().sent(23, outcome="refused", took=4.9).broken() == set()
    assert _refusing().sent(23, outcome="refused", took=5.1).broken() == {"R6"}


def test_no_answer_breaks_r6() -> None:
    """A refusal must be sent."""
    assert _refusing().sent(23, outcome="unanswered", took=9).broken() == {"R6"}


@pytest.mark.parametrize("target", ["ingest-1", "ingest", "kafka-1, ingest-1"])
def test_a_node_under_fault_may_stay_silent(target: str) -> None:
    """A killed node neither answers nor is alive."""
    story = _refusing().fault("kill", target, 22, 25).sent(23, outcome="unanswered", took=9)
    for t in (23, 24, 25, 26):
        story.pulse(t, live={"ingest-1": None}, ready={"ingest-1": None})
    assert story.broken() == set()


def test_the_fault_of_another_node_excuses_nothing() -> None:
    """``ingest-11`` is not ``ingest-1``, and an old fault is over."""
    story = _refusing().fault("kill", "ingest-1", 22, 25).fault("kill", "ingest-11", 1, 2)
    story.sent(23, outcome="unanswered", took=9, node="ingest-11")
    assert story.broken() == {"R6"}


def test_a_node_that_reports_to_be_dead_breaks_r6() -> None:
    """Not ready is right, not alive is not."""
    assert _refusing().pulse(23, live={"ingest-1": False}).broken() == {"R6"}


@pytest.mark.parametrize(("silences", "broken"), [(2, set()), (3, {"R6"})])
def test_a_node_that_stays_silent_breaks_r6(silences: int, broken: set[str]) -> None:
    """One missed pulse means a busy machine, three mean a hanging node."""
    story = _refusing().pulse(21)
    for i in range(silences):
        story.pulse(22 + i, live={"ingest-1": None})
    assert story.pulse(27).broken() == broken


def test_a_worker_that_left_is_not_missed() -> None:
    """It is away until it joins again, however long ago it left."""
    story = _refusing().fault("leave", "worker-1", 1, 2)
    for t in (22, 23, 24):
        story.pulse(t, live={"worker-1": None})
    assert story.broken() == set()
    assert story.fault("join", "worker-1", 10, 11).broken() == {"R6"}


def test_memory_above_its_bound_breaks_r6() -> None:
    """The bound is 1,000 bytes here, and applies only to the tiers."""
    assert _refusing().pulse(40, rss={"ingest-1": 1_000, "kafka-1": 9_000}).broken() == set()
    assert _refusing().pulse(40, rss={"worker-1": 1_001}).broken() == {"R6"}


@pytest.mark.parametrize(("end", "broken"), [(30.0, set()), (30.5, {"R6"})])
def test_a_long_window_must_be_noticed(end: float, broken: set[str]) -> None:
    """After 10 s every ingest node must have reported that it is not ready."""
    story = Story().unable(20, end).sent(22, outcome="refused")
    both: dict[str, bool | None] = {"ingest-1": False, "ingest-2": True}
    assert story.pulse(25, ready=both, live={}).broken() == broken


def test_a_long_window_that_is_noticed_holds() -> None:
    """Once in the window is enough."""
    story = Story().unable(20, 40).sent(22, outcome="refused").pulse(21)
    assert story.pulse(33, ready={"ingest-1": False}).pulse(39).broken() == set()


def test_a_quick_recovery_holds() -> None:
    """Lag 0, a new event visible in time, all nodes ready."""
    story = Story().settled().pulse(92).pulse(93)
    assert story.broken() == set()
    assert story.standing(Guarantee.R7) is Standing.HELD


@pytest.mark.parametrize(
    ("lag_zero", "visible"), [(None, 0.5), (1.0, None), (1.0, 2.1)], ids=["lag", "never", "late"]
)
def test_an_incomplete_recovery_breaks_r7(lag_zero: float | None, visible: float | None) -> None:
    """The lag stays, or a new event is visible late or never."""
    assert Story().settled(90, lag_zero, visible).broken() == {"R7"}


@pytest.mark.parametrize("word", [False, None])
def test_a_node_not_ready_in_the_end_breaks_r7(word: bool | None) -> None:  # noqa: FBT001
    """It reports so, or stops answering."""
    story = Story().settled()
    for t in (91, 92, 93):
        story.pulse(t, ready={"ingest-1": True, "worker-1": word})
    assert story.broken() == {"R7"}


def test_the_last_answer_of_a_node_counts() -> None:
    """Ready, then no answer: ready. Ready, then not ready: not ready."""
    ready = Story().settled().pulse(91).pulse(92, ready={"ingest-1": None})
    assert ready.broken() == set()
    fallen = Story().settled().pulse(91).pulse(92, ready={"ingest-1": False})
    assert fallen.broken() == {"R7"}


def test_a_worker_that_left_for_good_need_not_be_ready() -> None:
    """It is no longer part of the system."""
    story = Story().fault("leave", "worker-1", 5, 6).settled()
    assert story.pulse(92, ready={"worker-1": None}).broken() == set()


def test_right_answers_after_a_wake_up_hold() -> None:
    """The woken worker changed nothing."""
    story = Story().fault("freeze", "worker-1", 5, 25).sent(1).read(26, 1).final(1)
    assert story.standing(Guarantee.R8) is Standing.HELD


def test_a_wrong_answer_after_a_wake_up_breaks_r8() -> None:
    """Invented, or gone back, after a frozen worker woke."""
    invented = Story().fault("freeze", "worker-1", 5, 25).sent(1).read(26, 2)
    assert invented.broken() == {"R2", "R5", "R8"}
    back = Story().fault("freeze", "worker-1", 5, 25).sent(1).read(3, 1).read(26, 0).final(1)
    assert back.broken() == {"R3", "R8"}


def test_a_wrong_answer_before_the_wake_up_does_not_break_r8() -> None:
    """The worker was frozen."""
    story = Story().fault("freeze", "worker-1", 5, 25).sent(1).read(24, 2)
    assert story.broken() == {"R2", "R5"}


@pytest.mark.parametrize(("target", "end"), [("ingest-1", 25.0), ("worker-1", float("inf"))])
def test_only_a_woken_worker_exercises_r8(target: str, end: float) -> None:
    """Not another tier, nor a worker that never woke."""
    story = Story().fault("freeze", target, 5, end).sent(1).final(1)
    judgement = story.verdict().of(Guarantee.R8)
    assert judgement.standing is Standing.NOT_EXERCISED
    assert judgement.evidence == "no worker was frozen and woken"
