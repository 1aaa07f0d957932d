"""Choose a domain's bucket and its Kafka partition.

A *bucket* is the Cassandra partition that many domains share: the unit of reads, writes and a
worker's memory. The space of 64-bit hashes is cut into equal ranges, one per bucket, and a Kafka
partition holds whole buckets, so one worker has all of a bucket. A producer that partitions in
another way costs speed, never correctness: rows of different topic partitions add up.
"""

import mmh3

DEFAULT_BUCKETS = 16_384
"""Some 600 domains a bucket at 10,000,000. Fixed for a keyspace when it is created."""

_HALF = 2**63


def bucket_of(domain: str | bytes, buckets: int) -> int:
    """Return the bucket of *domain* among *buckets*, 0 to ``buckets - 1``.

    *domain* is its one spelling, in ASCII. The hash is the first half of MurmurHash3 (x64, 128
    bits, seed 0), a signed number.
    """
    token: int = mmh3.hash64(domain, signed=True)[0]
    return ((token + _HALF) * buckets) >> 64


def partition_of(domain: str | bytes, partitions: int, buckets: int = DEFAULT_BUCKETS) -> int:
    """Return the Kafka partition of *domain* among *partitions*: all of a bucket share one."""
    return bucket_of(domain, buckets) * partitions // buckets
