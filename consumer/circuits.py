"""The circuit breakers of a worker: one for each kind of request and each set of replicas."""

import structlog

from consumer.counting.pacing.circuit_breaker import CircuitBreaker
from shared.errors import RetriableError

log = structlog.stdlib.get_logger(__name__)

Replicas = tuple[str, ...]
MAX_CIRCUITS = 4096
"""Sets of replicas change with the addresses of nodes. Beyond this number, closed ones go."""


class Circuits:
    """The circuit breakers of one kind of *request*, "read" or "write"."""

    def __init__(self, request: str) -> None:
        self._request = request
        self._circuits: dict[Replicas, CircuitBreaker] = {}

    def __len__(self) -> int:
        return len(self._circuits)

    def of(self, replicas: Replicas) -> CircuitBreaker:
        """Return the circuit breaker of *replicas*."""
        circuit = self._circuits.get(replicas)
        if circuit is None:
            if len(self._circuits) >= MAX_CIRCUITS:
                self._circuits = {r: c for r, c in self._circuits.items() if not c.closed}
            circuit = self._circuits[replicas] = CircuitBreaker()
        return circuit

    def record_success(self, replicas: Replicas) -> None:
        """Record a request that succeeded; log if its replicas failed before."""
        circuit = self.of(replicas)
        before = circuit.closed
        circuit.record_success()
        if circuit.closed and not before:
            log.warning("the store answers again", request=self._request, replicas=replicas)

    def record_failure(self, replicas: Replicas, now: float, error: RetriableError) -> None:
        """Record a request that failed; log the first failure, not each."""
        circuit = self.of(replicas)
        if circuit.closed:
            log.warning(
                "the store fails", request=self._request, replicas=replicas, error=str(error)
            )
        circuit.record_failure(now)
