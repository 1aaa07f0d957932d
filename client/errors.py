"""The exceptions of the client; the class says what the caller does next.

::

    CatchallError
      RefusedError        the request is wrong: the same request is refused again
      UnavailableError    the service did not answer in time: try again later
"""


class CatchallError(Exception):
    """Base of all errors of the client."""


class RefusedError(CatchallError):
    """The service refused the request; *code* is the stable code of its problem document."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{detail} ({status} {code})")
        self.status = status
        self.code = code


class UnavailableError(CatchallError):
    """The service could not be reached, or was full, until the patience of the client ended."""
