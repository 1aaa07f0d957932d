"""The busiest node follows from the latest events."""

import pytest
from cassandra.metadata import Murmur3Token

from deploy.servers import cassandra
from shared.cassandra.session import encode_int
from shared.model.domain import DomainName
from shared.model.partitioning import bucket_of, partition_of
from tests.tools.chaos.faults.busiest import Busiest
from tests.tools.chaos.options import BUCKETS, PARTITIONS, SERVERS


def owner(domain: str) -> int:
    """Return whose range has the bucket of *domain*, the ring written out."""
    first, second, third = (cassandra.token(SERVERS, number) for number in (1, 2, 3))
    token = Murmur3Token.hash_fn(encode_int(bucket_of(domain, BUCKETS)))
    if first < token <= second:
        return 2
    return 3 if second < token <= third else 1


@pytest.mark.parametrize("hot", [f"hot{number}.example" for number in range(12)])
def test_the_domain_with_most_events_decides(hot: str) -> None:
    """Its partition, and the first replica of its counters."""
    busiest = Busiest()
    for number in range(30):
        busiest.add(f"cold{number}.example")
        busiest.add(hot.upper())
    assert busiest.partition() == partition_of(DomainName(hot), PARTITIONS, BUCKETS)
    assert busiest.store() == owner(hot)
