"""Publish the events of one request to several partitions, and collect the outcomes."""

import asyncio
from collections.abc import Iterable, Mapping

from ingest.event_sums import EventSums
from ingest.publisher import Acknowledgement, Publisher
from shared.errors import NodeFullError, OutcomeUnknownError, RetriableError


async def publish_all(
    publisher: Publisher, parts: Mapping[int, EventSums]
) -> dict[int, RetriableError]:
    """Publish the sums of each partition in *parts*.

    Return, once Kafka has answered for all, the error of each partition whose events may not be in
    Kafka.
    """
    reasons: dict[int, RetriableError] = {}
    out: dict[int, Acknowledgement] = {}
    for partition, sums in parts.items():
        try:
            out[partition] = publisher.publish_sums(partition, sums)
        except NodeFullError as error:
            reasons[partition] = error
    if out:
        await asyncio.wait(out.values())
    for partition, acknowledgement in out.items():
        if (outcome := acknowledgement.result()) is not None:
            reasons[partition] = outcome
    return reasons


def least_promising(reasons: Iterable[RetriableError]) -> RetriableError:
    """Return the one of *reasons* that promises least, to report it for all."""
    reasons = list(reasons)
    in_doubt = (reason for reason in reasons if isinstance(reason, OutcomeUnknownError))
    return next(in_doubt, None) or reasons[0]
