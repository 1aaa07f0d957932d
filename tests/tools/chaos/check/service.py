"""Judge the behaviour of the nodes: R6 and R7. Pure."""

from collections.abc import Iterator
from math import inf

from tests.tools.chaos.check.evidence import Evidence, FaultSpan, Sending, Window
from tests.tools.chaos.check.verdict import Finding, Guarantee
from tests.tools.chaos.history import Promise, Pulse

TIERS = ("ingest-", "worker-", "query-")
_REFUSAL = 503
_STARTING_SECONDS = 5.0
"""For so long after its fault a node may still be restarting."""
_NOTICING_SECONDS = 10.0
"""In a window longer than this, every ingest node must have reported that it is not ready."""
_MISSED_PULSES = 3
"""So many missed pulses in a row mean a dead node: a busy machine may miss one."""


def judge_refusals(evidence: Evidence, promise: Promise) -> Iterator[Finding]:
    """R6: a correct refusal in time, alive but not ready, in bounded memory."""
    faults = evidence.faults
    windows = evidence.unable
    for request in evidence.requests:
        for window in windows:
            if window.begin <= request.sent < window.end:
                yield from _judge_request(request, window, faults, promise)
    yield from _judge_memory(evidence, promise)
    for window in windows:
        pulses = [pulse for pulse in evidence.pulses if window.begin <= pulse.t < window.end]
        yield from _judge_alive(pulses, faults)
        if window.seconds > _NOTICING_SECONDS and pulses:
            yield from _judge_not_ready(pulses, window, faults)


def sent_while_unable(evidence: Evidence) -> int:
    """Return the number of requests sent while Kafka could not store."""
    windows = evidence.unable
    return sum(
        any(window.begin <= request.sent < window.end for window in windows)
        for request in evidence.requests
    )


def judge_recovery(evidence: Evidence, promise: Promise) -> Iterator[Finding]:
    """R7: after the last fault lag falls to 0, nodes are ready, a new event becomes visible."""
    settled = evidence.settled
    if settled is None:
        return
    if settled.lag_zero_seconds is None:
        yield Finding(Guarantee.R7, settled.t, "", "the lag never came down to 0")
    if settled.visible_seconds is None:
        yield Finding(Guarantee.R7, settled.t, "", "a new event never became visible")
    elif settled.visible_seconds > promise.visible_seconds:
        reason = (
            f"a new event was visible after {settled.visible_seconds:.2f} s, "
            f"the promise is {promise.visible_seconds:.2f} s"
        )
        yield Finding(Guarantee.R7, settled.t, "", reason)
    last = sorted(evidence.pulses, key=lambda pulse: pulse.t)[-_MISSED_PULSES:]
    faults = evidence.faults
    for node in last[-1].ready if last else ():
        if any(
            fault.kind == "leave" and fault.end == inf and fault.touches(node) for fault in faults
        ):
            continue
        # The last answer of the node counts, even if the last request had no answer.
        words = [word for pulse in last if (word := pulse.ready.get(node)) is not None]
        if not words or not words[-1]:
            yield Finding(Guarantee.R7, last[-1].t, "", f"{node} is not ready in the end")


def _judge_request(
    request: Sending, window: Window, faults: list[FaultSpan], promise: Promise
) -> Iterator[Finding]:
    took = request.t - request.sent
    what = f"{request.node} answered {request.status}"
    # An answer after the window may concern an event that was stored after it.
    inside = request.t <= window.end
    if request.status is None:
        if not _is_excused(request.node, request.sent, request.t, faults):
            reason = f"{request.node} gave no answer within {took:.2f} s while Kafka can't store"
            yield Finding(Guarantee.R6, request.sent, "", reason)
        return
    if inside and request.accepted:
        reason = f"{what} and accepted {request.accepted:,} events while Kafka can't store"
        yield Finding(Guarantee.R6, request.sent, "", reason)
    elif inside and request.status != _REFUSAL:
        yield Finding(Guarantee.R6, request.sent, "", f"{what} while Kafka can't store")
    if took > promise.refusal_seconds and not _is_excused(
        request.node, request.sent, request.t, faults
    ):
        reason = f"{what} after {took:.2f} s, the promise is {promise.refusal_seconds:.2f} s"
        yield Finding(Guarantee.R6, request.sent, "", reason)


def _judge_memory(evidence: Evidence, promise: Promise) -> Iterator[Finding]:
    reported: set[str] = set()
    for pulse in evidence.pulses:
        for node, rss in pulse.rss.items():
            if node.startswith(TIERS) and rss > promise.memory_bytes and node not in reported:
                reported.add(node)
                reason = (
                    f"{node} uses {rss / 2**20:,.0f} MiB of memory, "
                    f"the promise is {promise.memory_bytes / 2**20:,.0f} MiB"
                )
                yield Finding(Guarantee.R6, pulse.t, "", reason)


def _judge_alive(pulses: list[Pulse], faults: list[FaultSpan]) -> Iterator[Finding]:
    missed: dict[str, int] = {}
    for pulse in pulses:
        for node, alive in pulse.live.items():
            if alive or not node.startswith(TIERS) or _is_excused(node, pulse.t, pulse.t, faults):
                missed[node] = 0
                continue
            missed[node] = missed.get(node, 0) + 1
            if alive is False or missed[node] == _MISSED_PULSES:
                problem = "reports that it is not alive" if alive is False else "does not answer"
                reason = f"{node} {problem} while Kafka can't store"
                yield Finding(Guarantee.R6, pulse.t, "", reason)
                return


def _judge_not_ready(
    pulses: list[Pulse], window: Window, faults: list[FaultSpan]
) -> Iterator[Finding]:
    nodes = {node for pulse in pulses for node in pulse.ready if node.startswith("ingest-")}
    for node in sorted(nodes):
        if _is_excused(node, window.begin, window.end, faults):
            continue
        if not any(pulse.ready.get(node) is False for pulse in pulses):
            reason = f"{node} never reported that it is not ready in {window.seconds:.1f} s"
            yield Finding(Guarantee.R6, window.begin, "", reason)


def _is_excused(node: str, begin: float, end: float, faults: list[FaultSpan]) -> bool:
    """Return True if *node* itself had a fault at some time from *begin* to *end*."""
    return any(
        fault.begin <= end and begin <= fault.end + _STARTING_SECONDS and fault.touches(node)
        for fault in faults
    )
