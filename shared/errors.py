"""Say what can go wrong by what the caller does next.

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
nothing above an adapter knows a client's errors.
"""


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
    """What was sent cannot be taken; sending it again will not help.

    ``code`` is stable and meant for programs, ``detail`` is one sentence for people.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


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
    """A dependency failed; the same call may succeed later."""


class NodeFullError(RetriableError):
    """This node has as much in flight as it may; nothing was sent."""


class BrokerUnavailableError(RetriableError):
    """Kafka refused the records for now; none of them was stored."""


class StoreUnavailableError(RetriableError):
    """Cassandra did not apply the statement, or could not answer the read."""


class OutcomeUnknownError(RetriableError):
    """Nobody can tell whether it was applied. Never send it again in place."""
