"""The pauses before a process is restarted."""

from deploy.local.restarts import Restarts


def test_the_first_restart_has_no_pause() -> None:
    """This holds also for an early exit."""
    assert Restarts().pause_seconds(0.1) == 0


def test_pauses_grow_with_each_early_exit() -> None:
    """They double, up to a limit."""
    restarts = Restarts()
    pauses = [restarts.pause_seconds(0.1) for _ in range(9)]
    assert pauses == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_long_run_resets_the_pauses() -> None:
    """Earlier exits no longer count."""
    restarts = Restarts()
    for _ in range(5):
        restarts.pause_seconds(0.1)
    assert restarts.pause_seconds(60) == 0
    assert [restarts.pause_seconds(0.1) for _ in range(2)] == [0, 1]
