"""Partitions are ranges of Cassandra's ring."""

import mmh3
import pytest
from cassandra.metadata import Murmur3Token
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.model.domain import DomainName
from shared.model.partitioning import partition_of, token_of

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=253).map(DomainName)


@settings(max_examples=500)
@given(domain=names)
@example(domain=DomainName("example.com"))
def test_the_token_is_cassandras_own(domain: DomainName) -> None:
    """The driver, which must find the same replicas, computes the same token."""
    assert token_of(domain) == Murmur3Token.hash_fn(domain)


def test_the_token_of_a_name_never_changes() -> None:
    """Logs are partitioned for good: the hash may not move with a library."""
    assert token_of(DomainName("example.com")) == 5263683394119058897


def test_the_rings_own_start_is_no_domains_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Cassandra, the lowest hash becomes the highest token."""
    monkeypatch.setattr(mmh3, "hash64", lambda *_, **__: (-(2**63), 0))
    assert token_of(DomainName("example.com")) == 2**63 - 1


@given(domain=names, partitions=st.integers(1, 1000))
def test_every_domain_has_a_partition(domain: DomainName, partitions: int) -> None:
    """Partitions are 0 to P - 1."""
    assert 0 <= partition_of(domain, partitions) < partitions


@pytest.mark.parametrize("partitions", [1, 2, 3, 12, 1000])
def test_the_ends_of_the_ring_are_the_first_and_the_last_partition(
    partitions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither end of the ring falls out of the partitions."""
    found = []
    for token in (-(2**63) + 1, 2**63 - 1):
        monkeypatch.setattr(mmh3, "hash64", lambda *_, token=token, **__: (token, 0))
        found.append(partition_of(DomainName("example.com"), partitions))
    assert found == [0, partitions - 1]


@given(domains=st.lists(names, min_size=2, max_size=50), partitions=st.integers(1, 30))
def test_partitions_are_contiguous_ranges_of_tokens(
    domains: list[DomainName], partitions: int
) -> None:
    """Along the ring the partition only ever goes up."""
    along = [partition_of(domain, partitions) for domain in sorted(domains, key=token_of)]
    assert along == sorted(along)


def test_partitions_are_of_equal_size() -> None:
    """Of many names each partition gets its share."""
    counts = [0] * 12
    for number in range(12_000):
        counts[partition_of(DomainName(f"d{number}.example"), 12)] += 1
    assert min(counts) > 850
    assert max(counts) < 1150
