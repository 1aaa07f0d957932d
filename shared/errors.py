"""The exceptions of this project; the class says what the caller does next.

::

    PipelineError
      ConfigError                 print every problem, exit with status 2
      InputError                  the input is wrong: 400
        InvalidDomainError
        InvalidEventError
      AccessDeniedError           one line, exit with status 1; trying again does not help
      UndecodableRecordError      dead letter, count it, go on; never retried
      LogRewrittenError           offsets went back: read no more of it, and raise an alarm
      RetriableError              503 at the edge; in the worker keep the offsets, pause, try again
        NodeFullError             nothing was sent
        BrokerUnavailableError    nothing was stored
        StoreUnavailableError     certainly not applied
        CertificateUnavailableError   the origin of a request cannot be checked now
        SubscriptionUnconfirmedError  nothing was stored; the provider asks again
        OutcomeUnknownError       may have been applied: never retried in place

Adapters translate a client's exceptions into these with ``raise ... from error``;
code above an adapter does not use a client's errors. ``shared/problems.py`` has what an HTTP
client gets to see of an error.
"""

from typing import ClassVar

from shared.problems import Problem


class PipelineError(Exception):
    """Base of all errors of this project."""


class ConfigError(PipelineError):
    """The configuration is wrong; *problems* has one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class AccessDeniedError(PipelineError):
    """A server refuses our account, has not granted our rights, or is not trusted.

    Raised at start, and by a worker that may no longer read the topic. Elsewhere a running process
    takes it for an outage: it may be one step of an operator's change.
    """


class InputError(PipelineError):
    """The input breaks a rule; the same input fails again.

    *values* fill the places in the problem's sentence, which is the text of the error.
    """

    def __init__(self, problem: Problem, **values: object) -> None:
        super().__init__(problem.explain(**values))
        self.problem = problem


class InvalidDomainError(InputError):
    """The text is not a mail domain."""


class InvalidEventError(InputError):
    """The kind, the count or the idempotency key of an event is invalid."""


class UndecodableRecordError(PipelineError):
    """The bytes in the topic are not a record of a known version."""


class LogRewrittenError(PipelineError):
    """A topic partition ends before offsets that were already read: its topic was made again.

    Offsets define which records are counted, so a partition whose offsets restart cannot be counted
    exactly. A topic that replaces another gets a new name.
    """


class RetriableError(PipelineError):
    """A dependency failed; the same call may succeed later.

    Its text is *reason*, one sentence, else the sentence of its problem.
    """

    problem: ClassVar[Problem]
    """The problem that an HTTP client gets to see."""

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


class CertificateUnavailableError(RetriableError):
    """A certificate that proves the origin of a request cannot be read now."""

    problem = Problem.CERTIFICATE_UNAVAILABLE


class SubscriptionUnconfirmedError(RetriableError):
    """A subscription that a provider asks us to confirm cannot be confirmed now."""

    problem = Problem.SUBSCRIPTION_UNCONFIRMED


class OutcomeUnknownError(RetriableError):
    """It is unknown whether it was applied. Never send it again in place."""

    problem = Problem.OUTCOME_UNKNOWN
