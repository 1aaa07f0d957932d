"""The command line of ``deploy.stopped_partitions``."""

import pytest

from deploy.stopped_partitions import parse_arguments


@pytest.mark.parametrize(
    "words", [[], ["accept"], ["accept", "3", "--all"], ["accept", "three"], ["list", "3"]]
)
def test_a_loss_is_accepted_only_for_partitions_that_are_named(words: list[str]) -> None:
    """Or for all of them, in so many words; anything else ends with exit status 2."""
    with pytest.raises(SystemExit) as stopped:
        parse_arguments(words)
    assert stopped.value.code == 2


def test_partitions_are_accepted_by_number_or_all_at_once() -> None:
    """Several numbers may follow."""
    some, every = parse_arguments(["accept", "3", "5"]), parse_arguments(["accept", "--all"])
    assert (some.partition, some.all) == ([3, 5], False)
    assert (every.partition, every.all) == ([], True)
