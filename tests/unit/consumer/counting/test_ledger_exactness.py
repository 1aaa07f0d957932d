"""The counters are exact in every interleaving of ``ledger_world``."""

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.unit.consumer.counting.ledger_world import World

STEPS = 120


# A smaller seed is no simpler run.
@settings(max_examples=300, phases=set(Phase) - {Phase.shrink, Phase.explain})
@given(seed=st.integers(0, 2**63))
def test_every_row_is_a_true_prefix_and_the_end_is_exact(seed: int) -> None:
    """No order of events, faults, answers and takeovers makes a count wrong."""
    world = World(seed)
    for _ in range(STEPS):
        world.step()
    world.finish()
