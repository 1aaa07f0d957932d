"""Compute the expected counts of each domain, with keys. Pure."""

from collections import defaultdict

from tests.tools.chaos.traffic.mix import Draft
from tests.tools.load.streams.event import Kind, Outcome
from tests.tools.load.verification.ledger import Bounds


class Expected:
    """The bounds of each count, from the outcome of each event.

    Events of one domain with the same key are one event: accepted if any was, else unanswered if
    any was.
    """

    def __init__(self) -> None:
        self._accepted: dict[tuple[str, Kind], int] = defaultdict(int)
        self._unanswered: dict[tuple[str, Kind], int] = defaultdict(int)
        self._keys: dict[tuple[str, str], Outcome] = {}
        self._domains: dict[str, None] = {}

    @property
    def domains(self) -> list[str]:
        """All domains, in lower case, in the order of their first event."""
        return list(self._domains)

    def record(self, draft: Draft, outcome: Outcome) -> None:
        """Record the outcome of *draft*."""
        domain = draft.domain.lower()
        self._domains[domain] = None
        if draft.key is not None:
            before = self._keys.get((domain, draft.key), Outcome.REFUSED)
            if before is Outcome.ACCEPTED or outcome is Outcome.REFUSED or before is outcome:
                return
            self._keys[domain, draft.key] = outcome
            if before is Outcome.UNANSWERED:
                self._unanswered[domain, draft.kind] -= draft.count
        match outcome:
            case Outcome.ACCEPTED:
                self._accepted[domain, draft.kind] += draft.count
            case Outcome.UNANSWERED:
                self._unanswered[domain, draft.kind] += draft.count
            case Outcome.REFUSED:
                pass

    def bounds(self, domain: str, kind: Kind) -> Bounds:
        """Return the bounds of the count of *kind* of *domain*."""
        accepted = self._accepted.get((domain, kind), 0)
        return Bounds(accepted, accepted + self._unanswered.get((domain, kind), 0))

    def is_right(self, domain: str, delivered: int, bounced: int) -> bool:
        """Return True if the counts of *domain* are within their bounds."""
        counts = ((Kind.DELIVERED, delivered), (Kind.BOUNCED, bounced))
        return all(
            (bounds := self.bounds(domain, kind)).least <= count <= bounds.most
            for kind, count in counts
        )
