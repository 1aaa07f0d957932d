"""The addresses of ``localhost``: browsers know both, the name service of a machine perhaps one."""

import socket
from collections.abc import Sequence

LOCALHOST = "localhost"
_LOOPBACKS = ("127.0.0.1", "::1")


def addresses_of(host: str) -> Sequence[str]:
    """Return the addresses to listen on for *host*: of ``localhost``, those that exist here."""
    return [each for each in _LOOPBACKS if _exists(each)] if host == LOCALHOST else [host]


def _exists(address: str) -> bool:
    """Whether the machine has *address*: it may have no IPv6."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
