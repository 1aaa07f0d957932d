"""Find out whom to strike where it hurts most: who has the work right now."""

from collections import Counter, deque

from deploy.servers import cassandra
from shared.model.domain import DomainName
from shared.model.partitioning import partition_of, token_of
from tests.tools.chaos.options import PARTITIONS, SERVERS

_REMEMBERED = 2_000


class Busiest:
    """The domains that were sent last."""

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=_REMEMBERED)

    def note(self, domain: str) -> None:
        """Enter that an event of *domain* was sent."""
        self._recent.append(domain.lower())

    def recent(self) -> list[str]:
        """Return the domains, each once, the latest first."""
        return list(dict.fromkeys(reversed(self._recent)))

    def partition(self) -> int:
        """Return the partition that got the most of the events."""
        found = Counter(partition_of(DomainName(name), PARTITIONS) for name in self._recent)
        return found.most_common(1)[0][0] if found else 0

    def store(self) -> int:
        """Return the number of the Cassandra node that is asked first for the most of them."""
        found = Counter(_first_replica(DomainName(name)) for name in self._recent)
        return found.most_common(1)[0][0] if found else 1


def _first_replica(domain: DomainName) -> int:
    """Return the node whose range of the ring *domain* is in: the first token at or after it."""
    own = token_of(domain)
    for number in range(1, SERVERS + 1):
        if own <= cassandra.token(SERVERS, number):
            return number
    return 1
