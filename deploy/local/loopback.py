"""The addresses on which the tiers of `make run` listen: a browser may take ::1 for localhost."""

import socket
from collections.abc import Sequence

from deploy.servers.cluster import Cluster

_LOCALHOST = "localhost"
_IPV4 = "127.0.0.1"


def choose_host(cluster: Cluster) -> str:
    """Return the host to listen on: ``localhost`` where that is the first address of *cluster*.

    A machine may have no IPv6 address although its name service lists one.
    """
    first, found = cluster.host(1), _resolve()
    both = first == _IPV4 in found and all(map(_is_ours, found))
    return _LOCALHOST if both else first


def addresses_of(host: str) -> Sequence[str]:
    """Return the addresses of a host that ``choose_host`` returned."""
    return _resolve() if host == _LOCALHOST else [host]


def _resolve() -> list[str]:
    found = socket.getaddrinfo(_LOCALHOST, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _is_ours(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
