"""Add up the rows of whole buckets, domain by domain. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

from shared.model.counter import CounterRow, Counters, sum_rows
from shared.model.domain import DomainName

StoredRow = tuple[int, str, str, int | None, int | None, int | None]
"""Bucket, domain, topic partition, delivered, bounced, applied offset: as the scan selects them.
A counter that was never incremented is None."""
DomainSum = tuple[DomainName, Counters]

_bucket, _bucket_and_domain = itemgetter(0), itemgetter(0, 1)


def sum_domains(rows: Iterable[StoredRow]) -> list[DomainSum]:
    """Return each domain that has a count, once, by bucket, then by domain.

    A domain without one is as if it had never been seen: an operator had its counts forgotten.
    *rows* are all rows of some buckets. Within a bucket they are in Cassandra's order, by domain;
    the order of the buckets does not matter.
    """
    in_order = sorted(rows, key=_bucket)
    sums = (
        (DomainName(domain), _sum(list(found)))
        for (_, domain), found in groupby(in_order, _bucket_and_domain)
    )
    return [each for each in sums if each[1].delivered or each[1].bounced]


def _sum(rows: Sequence[StoredRow]) -> Counters:
    if len(rows) == 1:  # nearly always: the one row of the one worker that ever counted the domain
        _, _, _, delivered, bounced, _ = rows[0]
        return Counters(delivered or 0, bounced or 0)
    return sum_rows(
        CounterRow(topic_partition, delivered or 0, bounced or 0, applied_offset or 0)
        for _, _, topic_partition, delivered, bounced, applied_offset in rows
    )
