"""A simulation that does not find planted mistakes would not find ours."""

import pytest

from tests.simulation.mutants.all_mutants import MUTANTS
from tests.simulation.runs import history_of, run_seeds

WITHIN = 2_000


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_mistake_is_found(name: str) -> None:
    """It takes at most a tenth of the runs that our own code has to pass."""
    total = run_seeds(0, WITHIN, name, until_found=True)
    assert total.findings, f"{name} survives"
    assert total.findings[0].finding in history_of(total.findings[0].seed, name)
