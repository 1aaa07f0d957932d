"""A change of a domain's status, as this node sends it. Pure."""

from dataclasses import dataclass

from query.lookup.answer import Answer


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The new status of a domain, from the record at *offset* of *partition*."""

    partition: int
    offset: int
    answer: Answer
    appended_at: int
    """When Kafka appended the event that caused the change, in milliseconds since 1970."""
