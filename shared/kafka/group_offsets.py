"""Read what a consumer group has committed, so that no error passes for "never committed".

aiokafka 0.14 ignores the error that an OffsetFetch answer has for the whole group (its versions 2
and later, KIP-88). A coordinator that moves or loads answers with such an error and no offsets,
and aiokafka then reports that nothing was ever committed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest

from shared.errors import AccessDeniedError, BrokerUnavailableError

_NEVER = -1


class CommittedOffset(NamedTuple):
    """An offset and the text that its committer stored with it."""

    offset: int
    metadata: str


async def read_group_offsets(
    client: AIOKafkaClient, group: str, topic: str, partitions: Sequence[int]
) -> dict[int, CommittedOffset | None]:
    """Return what *group* has committed for each of *partitions*; None: nothing.

    Raises BrokerUnavailableError unless the coordinator answers for every partition, and
    AccessDeniedError without the right to read the group.
    """
    try:
        coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
        answer = await client.send(
            coordinator,
            OffsetFetchRequest(group, [(topic, list(partitions))]),
            group=ConnectionGroup.COORDINATION,
        )
    except GroupAuthorizationFailedError as error:
        raise AccessDeniedError(f"Kafka: no right to read the group {group!r}") from error
    except (KafkaError, OSError) as error:
        raise BrokerUnavailableError(f"no group offsets: {type(error).__name__}") from error
    _require_success(answer.error_code, group)
    found: dict[int, CommittedOffset | None] = {}
    for name, entries in answer.topics:
        for partition, offset, metadata, code in entries:
            _require_success(code, group)
            if name == topic:
                committed = CommittedOffset(offset, metadata or "")
                found[partition] = None if offset == _NEVER else committed
    if missing := set(partitions) - found.keys():
        raise BrokerUnavailableError(f"no group offsets for partitions {sorted(missing)}")
    return found


def _require_success(code: int, group: str) -> None:
    if not code:
        return
    kind = for_code(code)
    if kind is GroupAuthorizationFailedError:
        raise AccessDeniedError(f"Kafka: no right to read the group {group!r}")
    raise BrokerUnavailableError(f"no group offsets: {kind.__name__}")
