"""What the cache stores, merges and evicts."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from query.lookup.answer_cache import AnswerCache, CacheEntry
from query.lookup.segmented_lru import SegmentedLru
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.status import Status

THRESHOLD = 10
CAPACITY = 50
names = st.sampled_from([DomainName(f"d{number}.example") for number in range(12)])
counters = st.builds(Counters, st.integers(0, 2 * THRESHOLD), st.integers(0, 3))


def cache(max_final: int = CAPACITY, max_others: int = CAPACITY) -> AnswerCache[str]:
    """Return an empty cache."""
    return AnswerCache(THRESHOLD, max_final, max_others)


def name(word: str, number: int) -> DomainName:
    """Return a domain."""
    return DomainName(f"{word}-{number}.example")


def test_a_read_is_stored_with_its_lifetime() -> None:
    """Also the read of a domain without events."""
    kept = cache()
    known = kept.merge(name("a", 1), Counters(3, 0), fresh_until=7.0)
    assert kept.get("a-1.example") is known
    assert (known.answer.delivered, known.answer.status) == (3, Status.UNKNOWN)
    assert known.fresh_until == 7.0
    assert kept.get("a-2.example") is None


def test_only_the_canonical_spelling_has_an_entry() -> None:
    """So a text with an entry needs no parsing."""
    kept = cache()
    kept.merge(name("a", 1), Counters(), fresh_until=7.0)
    assert kept.get("A-1.example") is None
    assert kept.get("a-1.example.") is None


@given(st.lists(st.tuples(names, counters, st.floats(0, 9), st.booleans()), max_size=60))
def test_counts_never_go_back(
    steps: list[tuple[DomainName, Counters, float, bool]],
) -> None:
    """Each count is the largest that was ever read, in any order of reads and changes."""
    kept = cache()
    largest: dict[DomainName, Counters] = {}
    for domain, counted, fresh_until, is_heard in steps:
        if is_heard and not counted.bounced:
            kept.invalidate(domain, counted)
            continue
        if is_heard and domain not in largest:
            kept.invalidate(domain, counted)
            assert kept.get(domain) is None
            continue
        before = largest.get(domain, Counters())
        largest[domain] = Counters(
            max(before.delivered, counted.delivered), max(before.bounced, counted.bounced)
        )
        if is_heard:
            kept.invalidate(domain, counted)
        else:
            kept.merge(domain, counted, fresh_until)
    for domain, expected in largest.items():
        known = kept.get(domain)
        assert known is not None
        assert Counters(known.answer.delivered, known.answer.bounced) == expected
        assert known.answer.is_final == (expected.bounced > 0)
    assert kept.final_domains == sum(c.bounced > 0 for c in largest.values())
    assert kept.other_domains == len(largest) - kept.final_domains


@given(
    st.integers(1, 8),
    st.lists(st.tuples(st.sampled_from(["get", "insert", "remove"]), st.integers(0, 20))),
)
def test_the_cache_never_exceeds_its_capacity(capacity: int, steps: list[tuple[str, int]]) -> None:
    """After any operations, and the last inserted entry is present."""
    kept: SegmentedLru[CacheEntry[str]] = SegmentedLru(capacity)
    some = cache().merge(name("a", 1), Counters(), 0.0)
    for do, number in steps:
        domain = str(number)
        if do == "get":
            assert kept.get(domain) is kept.peek(domain)
        elif do == "remove":
            kept.remove(domain)
            assert kept.peek(domain) is None
        elif kept.peek(domain) is None:
            kept.insert(domain, some)
            assert kept.peek(domain) is some
        assert len(kept) <= capacity


def test_a_scan_does_not_evict_entries_in_use() -> None:
    """Ten times as many names as the capacity, each used once, evict none that was used twice."""
    for counted in (Counters(1, 0), Counters(0, 1)):
        kept = cache()
        hot = [name("hot", number) for number in range(int(CAPACITY * 0.8))]
        for domain in hot:
            kept.merge(domain, counted, 1.0)
        for domain in hot:
            assert kept.get(domain) is not None
        for number in range(10 * CAPACITY):
            kept.merge(name("scan", number), counted, 1.0)
        assert [domain for domain in hot if kept.get(domain) is None] == []


def test_entries_no_longer_in_use_are_evicted() -> None:
    """They lose their protection once others are in use."""
    kept = cache()
    for word in ("old", "new"):
        for number in range(CAPACITY):
            domain = name(word, number)
            kept.merge(domain, Counters(), 1.0)
            kept.get(domain)
    assert kept.get(name("new", CAPACITY - 1)) is not None
    assert [n for n in range(CAPACITY) if kept.get(name("old", n))] == []


def test_the_least_recently_used_protected_entry_is_demoted_first() -> None:
    """An entry that is used again stays protected."""
    kept: SegmentedLru[CacheEntry[str]] = SegmentedLru(5)
    some = cache().merge(name("a", 1), Counters(), 0.0)
    for domain in "abcd":
        kept.insert(domain, some)
        kept.get(domain)
    kept.get("a")
    kept.insert("e", some)
    kept.get("e")
    kept.insert("f", some)
    assert [domain for domain in "abcdef" if kept.peek(domain) is None] == ["b"]


def test_final_and_other_answers_have_separate_capacities() -> None:
    """Neither kind evicts the other."""
    kept = cache(max_final=1, max_others=1)
    kept.merge(name("final", 1), Counters(0, 1), 1.0)
    for number in range(5):
        kept.merge(name("other", number), Counters(), 1.0)
    assert kept.get("final-1.example") is not None
    assert (kept.final_domains, kept.other_domains) == (1, 1)


def respond(known: CacheEntry[str]) -> None:
    """Store a response with *known*."""
    known.store_response("response", 2)


def test_a_response_is_dropped_when_the_answer_changes() -> None:
    """A read with the same counts leaves it."""
    kept = cache()
    domain = name("a", 1)
    known = kept.merge(domain, Counters(3, 0), 5.0)
    respond(known)
    kept.merge(domain, Counters(2, 0), 6.0)
    assert (known.response, known.fresh_until) == ("response", 6.0)
    kept.merge(domain, Counters(4, 0), 7.0)
    assert known.response is None


def test_a_response_is_valid_while_its_max_age_is() -> None:
    """The answer is fresh until 5 s, the response has 2 s. A final answer stays what it is."""
    other = cache().merge(name("a", 1), Counters(3, 0), 5.0)
    final = cache().merge(name("b", 1), Counters(3, 1), 5.0)
    times = [1.5, 2.5, 3.0, 3.5, 5.0, 9.0]
    for known, valid in ((other, [2.5, 3.0]), (final, times)):
        respond(known)
        assert [at for at in times if known.response_at(at) is not None] == valid


def test_a_change_to_catch_all_only_expires_the_entry() -> None:
    """The counters of one partition are not those of the domain."""
    kept = cache()
    known = kept.merge(name("a", 1), Counters(3, 0), 5.0)
    respond(known)
    kept.invalidate(name("a", 1), Counters(THRESHOLD + 1, 0))
    assert known.answer.delivered == 3
    assert known.fresh_until == -inf


def test_a_bounce_makes_the_answer_final_and_expires_it() -> None:
    """Its counts are those of one partition, so they are not fresh."""
    kept = cache()
    known = kept.merge(name("a", 1), Counters(7, 0), 5.0)
    respond(known)
    kept.invalidate(name("a", 1), Counters(2, 1))
    assert known.answer.status is Status.NOT_CATCH_ALL
    assert (known.answer.delivered, known.answer.bounced) == (7, 1)
    assert known.fresh_until == -inf
    assert (kept.final_domains, kept.other_domains) == (1, 0)
