"""Buckets are ranges of hashes, partitions are ranges of buckets."""

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.domain import DomainName
from shared.model.partitioning import bucket_of, partition_of

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=253).map(DomainName)
powers = st.integers(0, 16).map(lambda exponent: 2**exponent)


def test_the_bucket_of_a_name_never_changes() -> None:
    """A keyspace is divided for good: the hash may not move with a library."""
    assert bucket_of(DomainName("example.com"), 16_384) == 12_867
    assert bucket_of(b"example.com", 16_384) == 12_867
    assert partition_of(DomainName("example.com"), 12, 16_384) == 9


@given(domain=names, partitions=st.integers(1, 1000), buckets=powers)
def test_every_domain_has_a_bucket_and_a_partition(
    domain: DomainName, partitions: int, buckets: int
) -> None:
    """Buckets are 0 to B - 1, partitions 0 to P - 1."""
    assert 0 <= bucket_of(domain, buckets) < buckets
    assert 0 <= partition_of(domain, partitions, buckets) < partitions


@pytest.mark.parametrize("partitions", [1, 2, 3, 12, 1000])
def test_the_ends_of_the_hashes_are_the_first_and_the_last_partition(
    partitions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither end falls out of the partitions."""
    found = []
    for token in (-(2**63), 2**63 - 1):
        monkeypatch.setattr(mmh3, "hash64", lambda *_, token=token, **__: (token, 0))
        found.append(partition_of(DomainName("example.com"), partitions))
    assert found == [0, partitions - 1]


@given(
    domains=st.lists(names, min_size=2, max_size=50), partitions=st.integers(1, 30), buckets=powers
)
def test_a_bucket_never_spans_two_partitions(
    domains: list[DomainName], partitions: int, buckets: int
) -> None:
    """Domains of one bucket have one partition, and the partition only grows with the bucket."""
    ordered = sorted(domains, key=lambda domain: bucket_of(domain, buckets))
    along = [partition_of(domain, partitions, buckets) for domain in ordered]
    assert along == sorted(along)
    places = {(bucket_of(d, buckets), partition_of(d, partitions, buckets)) for d in domains}
    assert len(places) == len({bucket for bucket, _ in places})


def test_buckets_and_partitions_are_of_equal_size() -> None:
    """Of many names each gets its share."""
    counts, held = [0] * 12, [0] * 64
    for number in range(12_000):
        counts[partition_of(DomainName(f"d{number}.example"), 12)] += 1
        held[bucket_of(DomainName(f"d{number}.example"), 64)] += 1
    assert 850 < min(counts) <= max(counts) < 1150
    assert 120 < min(held) <= max(held) < 260
