"""The limit of a client's repeated lines."""

import logging

import pytest

from shared.telemetry.log_limit import RepeatFilter


def say(logger: logging.Logger, times: int) -> None:
    """Log two lines, over and over."""
    for number in range(times):
        logger.warning("no answer from %s", number)
        logger.error("no topic")


@pytest.fixture
def logger(request: pytest.FixtureRequest) -> logging.Logger:
    """A logger of this test alone, without handlers."""
    own = logging.getLogger(request.node.nodeid)
    own.propagate = False
    return own


def test_a_line_passes_once_whatever_its_arguments(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not suppress another line."""
    logger.addHandler(caplog.handler)
    logger.addFilter(RepeatFilter(3600))

    say(logger, 100)

    assert caplog.messages == ["no answer from 0", "no topic"]


def test_a_line_passes_again_after_the_interval(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """A long outage stays visible in the log."""
    logger.addHandler(caplog.handler)
    logger.addFilter(RepeatFilter(0))

    say(logger, 2)

    assert caplog.messages == ["no answer from 0", "no topic", "no answer from 1", "no topic"]
