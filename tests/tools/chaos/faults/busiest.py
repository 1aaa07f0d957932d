"""Find the node with the most work, where a fault does the most damage."""

from collections import Counter, deque

from cassandra.metadata import Murmur3Token

from deploy.servers import cassandra
from shared.cassandra.session import encode_int
from shared.model.domain import DomainName
from shared.model.partitioning import bucket_of, partition_of
from tests.tools.chaos.options import BUCKETS, PARTITIONS, SERVERS

_REMEMBERED = 2_000


class Busiest:
    """The domains with the latest events."""

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=_REMEMBERED)

    def add(self, domain: str) -> None:
        """Add an event of *domain*."""
        self._recent.append(domain.lower())

    def recent(self) -> list[str]:
        """Return the domains, each once, the latest first."""
        return list(dict.fromkeys(reversed(self._recent)))

    def partition(self) -> int:
        """Return the partition with the most events."""
        found = Counter(
            partition_of(DomainName(name), PARTITIONS, BUCKETS) for name in self._recent
        )
        return found.most_common(1)[0][0] if found else 0

    def store(self) -> int:
        """Return the number of the Cassandra node that is the first replica of most of them."""
        found = Counter(_first_replica(DomainName(name)) for name in self._recent)
        return found.most_common(1)[0][0] if found else 1


def _first_replica(domain: DomainName) -> int:
    """Return the node whose range has the bucket of *domain*: the first token at or after it."""
    own = Murmur3Token.hash_fn(encode_int(bucket_of(domain, BUCKETS)))
    for number in range(1, SERVERS + 1):
        if own <= cassandra.token(SERVERS, number):
            return number
    return 1
