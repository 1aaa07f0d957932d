"""How partitions are shared out among the workers."""

from collections.abc import Mapping
from random import Random

import pytest
from aiokafka.cluster import ClusterMetadata

from consumer.kafka.sticky_assignor import Claim, StickyAssignor, share_out

NEW = Claim()


@pytest.mark.parametrize(
    ("claims", "shares"),
    [
        ({"a": NEW}, {"a": [0, 1, 2, 3, 4]}),
        ({"a": NEW, "b": NEW}, {"a": [0, 2, 4], "b": [1, 3]}),
        # Who has one more keeps it.
        ({"a": Claim(3, {1, 2}), "b": Claim(3, {0, 3, 4})}, {"a": [1, 2], "b": [0, 3, 4]}),
        # A member that joins gets what is above the share of others.
        (
            {"a": Claim(3, {1, 2}), "b": Claim(3, {0, 3, 4}), "c": NEW},
            {"a": [1, 2], "b": [0, 3], "c": [4]},
        ),
        # What a member that left had goes to those with fewest.
        ({"a": Claim(3, {1}), "b": Claim(3, {2, 3})}, {"a": [1, 0, 4], "b": [2, 3]}),
        # Of two claims the newer one wins.
        ({"a": Claim(2, {0, 1, 2}), "b": Claim(3, {1, 2})}, {"a": [0, 3, 4], "b": [1, 2]}),
        # The topic has fewer partitions than was claimed, or than there are members.
        ({"a": Claim(3, {0, 9}), "b": NEW}, {"a": [0, 2, 4], "b": [1, 3]}),
        (dict.fromkeys("abcdef", NEW), {**{n: [i] for i, n in enumerate("abcde")}, "f": []}),
    ],
)
def test_members_keep_what_they_had(
    claims: Mapping[str, Claim], shares: Mapping[str, list[int]]
) -> None:
    """As far as all get the same number, or one more."""
    assert share_out(range(5), claims) == shares


def test_shares_are_even_and_move_as_few_partitions_as_can_be() -> None:
    """In any sequence of members that join and leave; the same claims give the same shares."""
    random = Random(5)
    claims = {"0": NEW}
    for generation in range(300):
        count = 24
        if len(claims) > 1 and random.random() < 0.5:
            del claims[random.choice(sorted(claims))]
        else:
            claims[str(1000 + generation)] = NEW
        shares = share_out(range(count), claims)

        assert sorted(p for share in shares.values() for p in share) == list(range(count))
        sizes = [len(share) for share in shares.values()]
        assert max(sizes) - min(sizes) <= 1
        kept = sum(len(claims[m].partitions & set(share)) for m, share in shares.items())
        most = sorted((len(claim.partitions) for claim in claims.values()), reverse=True)
        assert kept == sum(map(min, most, sorted(sizes, reverse=True)))
        assert share_out(range(count), dict(reversed(claims.items()))) == shares
        claims = {m: Claim(generation, frozenset(share)) for m, share in shares.items()}


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\0\1\0"])
def test_a_claim_that_cannot_be_read_is_none(data: bytes) -> None:
    """A member of another version must not stop the group."""
    assert Claim.decode(data) == NEW


def test_a_claim_travels_from_a_member_to_the_leader() -> None:
    """With the metadata of its request to join."""
    cluster = ClusterMetadata()
    cluster.partitions_for_topic = lambda _: {0, 1, 2}
    first, second = StickyAssignor(), StickyAssignor()
    first.claim = Claim(12, {1, 2})

    result = StickyAssignor().assign(
        cluster, {"b": first.metadata(["events"]), "a": second.metadata(["events"])}
    )

    assert {member: said.partitions() for member, said in result.items()} == {
        "a": [("events", 0)],
        "b": [("events", 1), ("events", 2)],
    }
