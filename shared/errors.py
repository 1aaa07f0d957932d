"""What can go wrong, by what the caller does next.

::

    PipelineError
      ConfigError                 print every problem, exit with status 2
      InputError                  the caller's fault: 400
        InvalidDomainError
        InvalidEventError
      AccessDeniedError           one line, exit with status 1; trying again does not help
      UndecodableRecordError      dead letter, count it, go on; never retried
      LogRewrittenError           offsets moved backwards: an alarm and an exit, never a guess
      RetriableError              503 at the edge; in the worker keep the offsets, pause, try again
        NodeFullError             nothing was sent
        BrokerUnavailableError    nothing was stored
        StoreUnavailableError     certainly not applied
        OutcomeUnknownError       may have been applied: never retried in place

Adapters translate a client's exceptions into these with ``raise ... from error``;
nothing above an adapter knows a client's errors. What a client of ours gets to know
of an error stands in ``shared/problems.py``.
"""

from typing import ClassVar

from shared.problems import Problem


class PipelineError(Exception):
    """Anything that this system itself reports."""


class ConfigError(PipelineError):
    """The environment does not describe a process that could run."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class AccessDeniedError(PipelineError):
    """A server does not know us, does not let us do our work, or is not whom we trust.

    At the start only: what a running process meets may be somebody's change in several steps.
    """


class InputError(PipelineError):
    """The input breaks a rule; the same input fails again.

    *values* fill the places in the problem's sentence, which is the text of the error.
    """

    def __init__(self, problem: Problem, **values: object) -> None:
        super().__init__(problem.explain(**values))
        self.problem = problem


class InvalidDomainError(InputError):
    """The text names no mail domain."""


class InvalidEventError(InputError):
    """The kind, the count or the key of an event is not one."""


class UndecodableRecordError(PipelineError):
    """The bytes in the topic are no record of a version that we know."""


class LogRewrittenError(PipelineError):
    """A log is shorter than what was already read from it: its topic was made anew.

    Offsets say what is counted, so a log that restarts them cannot be counted exactly.
    A topic that replaces another gets a new name.
    """


class RetriableError(PipelineError):
    """A dependency failed; the same call may succeed later.

    Its text is *reason*, one sentence, else the sentence of its problem.
    """

    problem: ClassVar[Problem]
    """What a client gets to know."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or self.problem.detail)


class NodeFullError(RetriableError):
    """This node has reached its limit of work in flight; it sent nothing."""

    problem = Problem.NODE_FULL


class BrokerUnavailableError(RetriableError):
    """Kafka refused the records for now; none of them was stored."""

    problem = Problem.BROKER_UNAVAILABLE


class StoreUnavailableError(RetriableError):
    """Cassandra did not apply the statement, or could not answer the read."""

    problem = Problem.STORE_UNAVAILABLE


class OutcomeUnknownError(RetriableError):
    """It is unknown whether it was applied. Never send it again in place."""

    problem = Problem.OUTCOME_UNKNOWN
