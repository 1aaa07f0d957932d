"""Choose a domain's partition so that partitions follow Cassandra's ring.

Every Kafka partition is one contiguous range of Cassandra's tokens: the domains that a worker
flushes together have the same replicas, so a batch of updates goes to few nodes.
A producer that partitions in another way costs speed, never correctness.
"""

import mmh3

from shared.model.domain import DomainName

_HALF_RING = 2**63


def token_of(domain: DomainName) -> int:
    """Return the token of *domain*: -2**63 to 2**63 - 1.

    Equal to Cassandra's Murmur3Partitioner for ASCII keys. Cassandra's variant of MurmurHash3
    differs from the standard one in bytes above 127 only, and no domain has any.
    """
    token: int = mmh3.hash64(domain, signed=True)[0]
    # Cassandra reserves the lowest value for the start of the ring.
    return token if token != -_HALF_RING else _HALF_RING - 1


def partition_of(domain: DomainName, partitions: int) -> int:
    """Return the partition of *domain* among *partitions*, 0 to ``partitions - 1``."""
    return ((token_of(domain) + _HALF_RING) * partitions) >> 64
