"""Use Cassandra from asyncio: sessions, statements, and the errors of this project for failures.

The driver calls back in the event loop, or in one of its threads after a second attempt; each
result goes to the event loop once, as a whole.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import ip_address
from struct import Struct
from typing import Any, NamedTuple, TypeVar

import structlog
from cassandra import (
    InvalidRequest,
    Unauthorized,
)
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    ResponseFuture,
)
from cassandra.cluster import Session as DriverSession
from cassandra.query import (
    UNSET_VALUE,
    BatchStatement,
    BatchType,
    BoundStatement,
    PreparedStatement,
)

from shared.cassandra.authentication import denial_of, quiet_driver
from shared.cassandra.cluster import PAGES, WRITE, build_cluster
from shared.cassandra.failures import describe, raise_read, raise_write
from shared.cassandra.node_restarts import RestartDetector
from shared.config import CassandraConfig
from shared.errors import (
    AccessDeniedError,
    PipelineError,
    RetriableError,
    StoreUnavailableError,
)

log = structlog.stdlib.get_logger(__name__)

_RETRY_CONNECT_SECONDS = 1.0

T = TypeVar("T")
Statement = Any
Row = Any


encode_int = Struct(">i").pack
"""Encode a CQL ``int``: as a routing key it names the replicas of a bucket."""
UNSET: Any = UNSET_VALUE
"""Among encoded values: leave the column alone."""


class _Page(NamedTuple):
    """Some rows, and the state from which the next page is read, None after the last."""

    rows: Sequence[tuple[Any, ...]]
    next_page: bytes | None


class Session:
    """One session of the driver for asyncio; ``keyspace`` has our table."""

    def __init__(self, driver: DriverSession, keyspace: str, patience_seconds: float) -> None:
        self._driver = driver
        self._patience_seconds = patience_seconds
        self._loop = asyncio.get_running_loop()
        self._restarts = RestartDetector(driver)
        self.keyspace = keyspace

    async def prepare(self, cql: str, *, fetch_size: int | None = None) -> PreparedStatement:
        """Return *cql* prepared; its result is read as a whole unless *fetch_size* is given.

        Counting from one page of a result would give a wrong count.
        """
        statement = await self.patiently(lambda: self._prepare(cql))
        statement.fetch_size = fetch_size
        return statement

    async def _prepare(self, cql: str) -> PreparedStatement:
        try:
            return await self._loop.run_in_executor(None, self._driver.prepare, cql)
        except InvalidRequest as error:
            raise PipelineError(f"{error}; run: python -m deploy.prepare") from error
        except Unauthorized as error:
            raise AccessDeniedError(f"Cassandra: {error}") from error
        except Exception as error:  # noqa: BLE001 the driver's errors have no common base
            raise_read(error)

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat *attempt* while Cassandra does not answer, for as long as connecting may take.

        For what a process needs before it can start. An attempt without an outcome is repeated
        too, so a second one must do no harm. Raises what the last attempt raised.
        """
        deadline = self._loop.time() + self._patience_seconds
        while True:
            try:
                return await attempt()
            except RetriableError:
                if self._loop.time() > deadline:
                    raise
            log.info("waiting for an answer of Cassandra")
            await asyncio.sleep(_RETRY_CONNECT_SECONDS)

    async def read(self, statement: Statement) -> Sequence[Row]:
        """Return all rows, read at LOCAL_QUORUM.

        Raises StoreUnavailableError; ReadFailedError if the cause is neither a missing node nor a
        timeout.
        """
        try:
            rows: Sequence[Row] = await self._execute(statement, EXEC_PROFILE_DEFAULT) or ()
        except Exception as error:  # noqa: BLE001 the driver's errors have no common base
            raise_read(error)
        return rows

    async def read_pages(self, statement: Statement) -> list[tuple[Any, ...]]:
        """Return all rows as tuples, read page by page, each at LOCAL_QUORUM. Raises as ``read``.

        A client that paged by itself could take one page for all: this returns the whole or raises.
        """
        rows: list[tuple[Any, ...]] = []
        page = await self._read_page(statement, None)
        while True:
            rows += page.rows
            if page.next_page is None:
                return rows
            page = await self._read_page(statement, page.next_page)

    async def _read_page(self, statement: Statement, state: bytes | None) -> _Page:
        try:
            future, done = self._start(statement, PAGES, paging_state=state)
            rows: Sequence[tuple[Any, ...]] = await done or ()
        except Exception as error:  # noqa: BLE001 the driver's errors have no common base
            raise_read(error)
        return _Page(rows, future._paging_state)  # noqa: SLF001 the result set's own source of it

    async def probe(self) -> None:
        """Return if a node answers. Raises StoreUnavailableError."""
        await self.read("SELECT key FROM system.local")

    async def require(self, *statements: str) -> None:
        """Return if our role has the rights for *statements*, which must be invalid ones.

        Cassandra checks the rights first and the statement after: with the rights, a statement
        without a key is refused as invalid. Raises AccessDeniedError or StoreUnavailableError.
        """
        for statement in statements:
            await self.patiently(partial(self._require, statement))

    async def _require(self, statement: str) -> None:
        try:
            await self._execute(statement, EXEC_PROFILE_DEFAULT)
        except InvalidRequest:
            return
        except Unauthorized as error:
            raise AccessDeniedError(f"Cassandra: {error}") from error
        except Exception as error:  # noqa: BLE001 the driver's errors have no common base
            raise_read(error)

    async def write(self, statement: Statement) -> None:
        """Write once at LOCAL_QUORUM, without any retry.

        Raises OutcomeUnknownError, or StoreUnavailableError if it was certainly not applied.
        """
        try:
            await self._execute(statement, WRITE)
        except Exception as error:  # noqa: BLE001 the driver's errors have no common base
            raise_write(error)

    async def change_schema(self, statement: str) -> None:
        """Execute a statement that creates something, on the connected node of the lowest address.

        A node executes changes of the schema one after the other; two nodes that create a table at
        once create two of one name. So the same node is asked again (``patiently``) until it
        answers. Open the session with *every_node*. Raises as ``write``.
        """
        first = min(self._driver.get_pool_state(), key=_address, default=None)
        await self.patiently(partial(self._change_schema, statement, first))

    async def _change_schema(self, statement: str, host: Any) -> None:
        try:
            await self._start(statement, WRITE, host=host)[1]
        except Exception as error:  # noqa: BLE001 the driver's errors have no common base
            raise_write(error)

    async def write_encoded(
        self, prepared: PreparedStatement, values: list[Any], routing_key: bytes
    ) -> None:
        """Write *prepared* with *values* as ``write`` does: encoded already, or UNSET."""
        statement = BoundStatement(prepared, routing_key=routing_key)
        statement.values = values
        await self.write(statement)

    async def write_batch(
        self, prepared: PreparedStatement, rows: Sequence[Sequence[bytes]], routing_key: bytes
    ) -> None:
        """Write *prepared* once per row of encoded values, in one counter batch, as ``write``."""
        batch = BatchStatement(batch_type=BatchType.COUNTER)
        batch.routing_key = routing_key
        batch.keyspace = self.keyspace
        for values in rows:
            statement = BoundStatement(prepared, routing_key=routing_key)
            statement.values = list(values)
            batch.add(statement)
        await self.write(batch)

    def node_epoch(self) -> int:
        """Return a number that changes when a node may have restarted, joined or left."""
        return self._restarts.epoch()

    def replicas_of(self, routing_key: bytes) -> tuple[str, ...]:
        """Return the addresses of the replicas of a partition, sorted; () if not known yet."""
        found = self._driver.cluster.metadata.get_replicas(self.keyspace, routing_key)
        return tuple(sorted(str(host.address) for host in found))

    def _execute(self, statement: Statement, profile: Any) -> asyncio.Future[Any]:
        return self._start(statement, profile)[1]

    def _start(
        self,
        statement: Statement,
        profile: Any,
        paging_state: bytes | None = None,
        host: Any = None,
    ) -> tuple[ResponseFuture, asyncio.Future[Any]]:
        done: asyncio.Future[Any] = self._loop.create_future()

        def settle(rows: Any, error: BaseException | None) -> None:
            # Response and timer refer to each other: the rows would wait for the garbage collector.
            future.clear_callbacks()
            future._final_result = None  # noqa: SLF001 nothing public drops it
            if done.done():
                return  # its caller was cancelled
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(rows)

        def deliver(rows: Any, error: BaseException | None) -> None:
            # Through the event loop even if the driver calls back at once, in this thread.
            try:
                self._loop.call_soon_threadsafe(settle, rows, error)
            except RuntimeError:
                log.info("Cassandra answered after the event loop had closed")

        future: ResponseFuture = self._driver.execute_async(
            statement, execution_profile=profile, paging_state=paging_state, host=host
        )
        future.add_callbacks(lambda rows: deliver(rows, None), lambda error: deliver(None, error))
        return future, done


def _address(host: Any) -> bytes:
    return ip_address(host.address).packed


@asynccontextmanager
async def open_session(
    config: CassandraConfig, *, every_node: bool = False
) -> AsyncIterator[Session]:
    """Connect within the configured time, to *every_node* or first to one; close at the end.

    Raises StoreUnavailableError when no contact point answers in time, and AccessDeniedError at
    once when a node refuses our account or has a certificate that we do not trust.
    """
    loop = asyncio.get_running_loop()
    deadline = time.monotonic() + config.connect_within_seconds
    while True:
        # A cluster object whose first connect failed cannot be used again.
        cluster = build_cluster(config)
        try:
            with quiet_driver():
                driver = await loop.run_in_executor(None, cluster.connect, None, every_node)
            break
        except Exception as error:
            await loop.run_in_executor(None, cluster.shutdown)
            if reason := denial_of(error):
                raise AccessDeniedError(f"Cassandra: {reason}") from error
            if time.monotonic() > deadline:
                raise StoreUnavailableError(
                    f"no Cassandra at {config.contact_points}: {describe(error)}"
                ) from error
            log.info("waiting for Cassandra", contact_points=config.contact_points)
            await asyncio.sleep(_RETRY_CONNECT_SECONDS)
    try:
        yield Session(driver, config.keyspace, config.connect_within_seconds)
    finally:
        await loop.run_in_executor(None, cluster.shutdown)
