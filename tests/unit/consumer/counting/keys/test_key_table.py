"""The table of keys: it forgets nothing that is needed, and little that is not is left."""

import tracemalloc
from random import Random

import pytest

from consumer.counting.keys.key_table import KeyTable


@pytest.mark.parametrize("hashes", [3, 2**12, 2**64])
def test_it_is_a_dictionary_of_the_keys_that_are_needed(hashes: int) -> None:
    """Also if many keys share a hash, and differ only in the rest of it."""
    random, table, known, span = Random(hashes), KeyTable(), dict[tuple[int, int], int](), 2_000
    for number in range(20_000):
        key = random.randrange(hashes), random.randrange(300 if hashes == 3 else 2)
        if known and random.random() < 0.5:
            key = random.choice(list(known)[-3_000:])
        found = table.replace(*key, number, number - span)
        before = known.pop(key, None)
        known[key] = number
        if before is not None and before >= number - span:
            assert found == before
        else:
            assert found is None or found < number - span
    assert len(table) < 2 * span + 512


@pytest.mark.parametrize("keys", [2_000, 20_000])
def test_a_key_takes_at_most_40_bytes(keys: int) -> None:
    """All in, while as many keys again come and go."""
    random = Random(1)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        table = KeyTable()
        for number in range(2 * keys):
            table.replace(random.getrandbits(64), random.getrandbits(32), number, number - keys)
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (now - before) / keys < 40
