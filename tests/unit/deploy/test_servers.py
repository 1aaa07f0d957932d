"""Which servers are used."""

import pytest

from deploy.processes.errors import ServersError
from deploy.servers import backends as servers

BOTH = {"KAFKA_BOOTSTRAP_SERVERS": "k1:9092,k2:9092", "CASSANDRA_CONTACT_POINTS": "c1:9042"}


def test_addresses_in_the_environment_win() -> None:
    """The addresses are used as they are, no nodes are built, and the line gives the reason."""
    given = servers.from_environment(BOTH)
    assert given is not None
    assert given.bootstrap_servers == "k1:9092,k2:9092"
    assert given.contact_points == "c1:9042"
    assert given.nodes == []
    assert "set in the environment" in given.origin


@pytest.mark.parametrize("given", [{}, dict.fromkeys(BOTH, "")])
def test_without_addresses_servers_are_started(given: dict[str, str]) -> None:
    """Missing and empty variables are the same."""
    assert servers.from_environment(given) is None


@pytest.mark.parametrize("name", sorted(BOTH))
def test_one_address_alone_is_refused(name: str) -> None:
    """The error names the missing variable."""
    (missing,) = set(BOTH) - {name}
    with pytest.raises(ServersError, match=f"{name} is set and {missing} is not"):
        servers.from_environment({name: BOTH[name]})
