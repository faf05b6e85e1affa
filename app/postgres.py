"""PostgreSQL clusters: one pool a region, connections, transactions, and faults as coded errors. No SQL here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from app import tally, tenant
from app.cancelled import is_cancelled
from app.codec import register_codecs
from app.errors import DatabaseUnavailable, GatewayError, LimitExceeded

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Row: TypeAlias = asyncpg.Record
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
if TYPE_CHECKING:
    PlainConnection = asyncpg.Connection[asyncpg.Record]
else:
    PlainConnection = asyncpg.Connection  # which cannot be subscripted

APPLICATION = "vectorgate"
"""What the operator sees of us in pg_stat_activity."""

EF_SEARCH = 140
"""How many neighbours a search in an HNSW index keeps in sight, and finds at a time: see `store/neighbour.py`."""

LEAVING_SECONDS = 2.0
"""How long who was interrupted waits for a rollback, or for a statement to stop. Then the connection is given up: PostgreSQL ends
both when it finds that out, or by its own time-outs."""

LISTENING_SECONDS = 10.0
"""How long a listening connection may be silent before it is asked whether it is still there."""

GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InternalClientError,  # a connection whose end was told before this statement, and not noticed yet
)
"""A cluster that is down, restarting, unreachable, full, or answers with an empty chair."""

FAULTS = (asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError, *GONE)

Prepare: TypeAlias = Callable[["Cluster"], Awaitable[Mapping[str, str] | None]]
"""Brings a cluster's schema up to date, and answers with settings that its pool's connections need beside the usual ones."""
Enter: TypeAlias = Callable[[Connection, str], Awaitable[None]]
"""Lets a connection see the rows of one tenant only."""
QueryLogger: TypeAlias = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Tuning:
    """How connections are made."""

    pool_size: int = 10
    statement_timeout_seconds: float = 30
    connect_seconds: float = 5
    """How long a request waits for a connection before it is told DATABASE_UNAVAILABLE."""
    query_logger: QueryLogger | None = None
    """Called with asyncpg's LoggedQuery after each statement: for slow-operation logs, and for tests that count."""
    enter: Enter | None = None
    """Called when a connection is about to work for another tenant than before, which costs a round trip."""

    def server_settings(self) -> dict[str, str]:
        """GUCs set once per connection: per query they would cost a round trip."""
        return {
            "application_name": APPLICATION,
            "statement_timeout": str(round(self.statement_timeout_seconds * 1000)),
            # a process that stands still in a transaction must not hold up a change of the table that it writes to
            "idle_in_transaction_session_timeout": str(round(self.statement_timeout_seconds * 1000)),
            "default_transaction_isolation": "read committed",  # a write's last look at its table's version relies on it
            "hnsw.ef_search": str(EF_SEARCH),
            # in strict order what is found late and is nearer than what was answered before would be left out; we sort ourselves
            "hnsw.iterative_scan": "relaxed_order",
            "timezone": "UTC",
            "jit": "off",  # compiling a short statement costs more than running it
        }


class TenantConnection(PlainConnection):
    """A connection of the pool. It remembers whom it works for, so that it is told again only when that changes."""

    _tenant: str | None = None

    async def work_for(self, whom: str, enter: Enter) -> None:
        """Raises as any statement."""
        if whom != self._tenant:
            self._tenant = None  # until it is certain
            await enter(self, whom)
            self._tenant = whom


@asynccontextmanager
async def transaction(connection: Connection) -> AsyncIterator[None]:
    """A transaction whose rollback does not wait for a silent network as long as a statement may take."""
    with ExitStack() as when_it_has_ended:
        async with connection.transaction():
            try:
                yield
            except BaseException:
                given_up = asyncio.get_running_loop().call_later(LEAVING_SECONDS, connection.terminate)
                when_it_has_ended.callback(given_up.cancel)
                raise


class Cluster:
    """One PostgreSQL cluster. It may be away when the gateway starts, and go and come back while it runs."""

    def __init__(self, name: str, url: str, tuning: Tuning, prepare: Prepare) -> None:
        self.name = name
        self.url = url
        self._tuning = tuning
        self._prepare = prepare
        self._pool: Pool | None = None
        self._attempt: asyncio.Task[Pool] | None = None
        self.waiting = 0
        """How many wait for a connection now."""

    async def open(self) -> Pool:
        """Bring the cluster's own schema up to date and open the pool. Does nothing when it is open.

        Whoever comes meanwhile shares the attempt: nobody waits for another's time-out first and then for one of its own.
        """
        if self._pool is not None:
            return self._pool
        if self._attempt is None:
            self._attempt = asyncio.create_task(self._open())
            self._attempt.add_done_callback(self._attempted)
        return await asyncio.shield(self._attempt)

    async def close(self) -> None:
        """Close the pool; what is under way is given a few seconds."""
        if self._attempt is not None:
            self._attempt.cancel()
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), self._tuning.connect_seconds)
            except GONE:
                pool.terminate()

    @asynccontextmanager
    async def connection(self, *, as_found: bool = False) -> AsyncIterator[Connection]:
        """A connection for consecutive statements, which sees what `tenant.current()` may. Never hold one while a provider answers.

        `as_found`: for whomever it worked last; for statements that are the same for everybody.
        """
        begun = time.perf_counter()
        with self._translated():
            connection, pool = await self._waited_for()
            try:
                if self._tuning.enter is not None and not as_found:
                    # the pool hands out proxies, which pass on what they do not know
                    await cast("TenantConnection", connection).work_for(tenant.current(), self._tuning.enter)
                yield connection
            except asyncpg.InternalClientError:
                connection.terminate()
                raise
            finally:
                await pool.release(connection, timeout=LEAVING_SECONDS)
                tally.used_database(time.perf_counter() - begun)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a transaction: all of it is committed, or none."""
        async with self.connection() as connection, transaction(connection):
            yield connection

    @asynccontextmanager
    async def outside(self) -> AsyncIterator[Connection]:
        """A connection of its own, as the login, without statement time-out or codecs: for migrations and waiting on locks."""
        with self._translated():
            connection = await asyncpg.connect(
                self.url,
                timeout=self._tuning.connect_seconds,
                server_settings={"application_name": APPLICATION, tenant.SETTING: tenant.EVERYONE},
            )
            try:
                yield connection
            finally:
                await connection.close(timeout=LEAVING_SECONDS)

    async def listen(
        self, channels: Iterable[str], begun: Callable[[], None], heard: Callable[[str, str], None]
    ) -> NoReturn:
        """Call `begun()` once the channels are listened to, then `heard(channel, payload)` for every notification.

        It has a connection of its own, and raises DatabaseUnavailable when that is lost: what is sent until the next
        call is not heard.
        """
        async with self.outside() as connection:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection: lost.set())
            async with asyncio.timeout(self._tuning.connect_seconds):
                for channel in channels:
                    await connection.add_listener(channel, lambda _connection, _pid, name, said: heard(name, said))
            begun()
            while not await _set_within(lost, LISTENING_SECONDS):
                await connection.fetch("", timeout=self._tuning.connect_seconds)
            raise ConnectionResetError

    async def _open(self) -> Pool:
        with self._translated():
            needed = await self._prepare(self) or {}
            self._pool = await asyncpg.create_pool(
                self.url,
                connection_class=TenantConnection,
                init_size=1,
                min_size=0,  # a floor would be restored in the background, and logged with every failure, while the cluster is away
                max_size=self._tuning.pool_size,
                init=self._init,
                reset=_keep,
                timeout=self._tuning.connect_seconds,
                command_timeout=self._tuning.statement_timeout_seconds + self._tuning.connect_seconds,
                server_settings={**self._tuning.server_settings(), **needed},
            )
        return self._pool

    def _attempted(self, attempt: asyncio.Task[Pool]) -> None:
        self._attempt = None
        if not attempt.cancelled():
            attempt.exception()  # looked at, also where everybody who waited for it has left

    @property
    def use(self) -> tuple[int, int]:
        """Connections in use, and those that are open and idle."""
        if self._pool is None:
            return 0, 0
        idle = self._pool.get_idle_size()
        return self._pool.get_size() - idle, idle

    @property
    def pool_size(self) -> int:
        """The most connections that it opens."""
        return self._tuning.pool_size

    async def _waited_for(self) -> tuple[PoolConnectionProxy[Row], Pool]:
        self.waiting += 1
        try:
            pool = await self.open()
            return await self._acquire(pool), pool
        finally:
            self.waiting -= 1

    async def _acquire(self, pool: Pool) -> PoolConnectionProxy[Row]:
        try:
            return await pool.acquire(timeout=self._tuning.connect_seconds)
        except TimeoutError:
            if is_cancelled() or pool.get_size() < pool.get_max_size() or pool.get_idle_size():
                raise
            message = (
                f"All {pool.get_max_size()} connections to the PostgreSQL cluster of region {self.name!r} are in use; "
                "try again shortly."
            )
            raise DatabaseUnavailable(message, region=self.name) from None

    async def _init(self, connection: Any) -> None:  # noqa: ANN401 - asyncpg hands a bare connection here, not the proxy of its stubs
        if self._tuning.query_logger is not None:
            connection.add_query_logger(self._tuning.query_logger)
        await register_codecs(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Faults as coded errors. Who is cancelled, and finds the connection broken as he leaves it, is cancelled all the same."""
        try:
            yield
        except FAULTS as error:
            if is_cancelled():
                raise asyncio.CancelledError from error
            raise self._coded(error) from error

    def _coded(self, error: BaseException) -> GatewayError:
        match error:
            case asyncpg.QueryCanceledError():
                limit = self._tuning.statement_timeout_seconds
                message = f"A statement took longer than the limit of {limit:g} seconds. Ask for less, or for a narrower filter."
                return LimitExceeded(message, retryable=True, limit=limit)
            case asyncpg.TransactionRollbackError():  # a deadlock, above all: one of the two is let through
                message = f"Another write in region {self.name!r} got in the way of this one, which was undone: send it again."
            case asyncpg.LockNotAvailableError():
                message = (
                    f"What this changes in region {self.name!r} is in use by long reads or writes: try again shortly."
                )
            case _:
                message = f"The PostgreSQL cluster of region {self.name!r} cannot be reached at the moment; try again shortly."
        return DatabaseUnavailable(message, region=self.name)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def _keep(_: object) -> None:
    """Pool reset: nothing. Of a session only whom it works for is changed, and asyncpg itself rolls an open transaction back."""


class Postgres:
    """The clusters of this deployment: the catalogue's, and one a region (the catalogue's own is one of them)."""

    def __init__(self, catalogue: Cluster, regions: Mapping[str, Cluster], default_region: str) -> None:
        self.catalogue = catalogue
        self.regions = dict(regions)
        self.default_region = default_region

    def region(self, name: str) -> Cluster:
        """The cluster of a region. Raises DatabaseUnavailable for one that the operator has taken out of the settings."""
        try:
            return self.regions[name]
        except KeyError:
            message = f"Region {name!r} is not configured on this server any more; ask its operator."
            raise DatabaseUnavailable(message, region=name, retryable=False) from None

    async def close(self) -> None:
        """Close every pool."""
        await asyncio.gather(*{cluster.close() for cluster in {self.catalogue, *self.regions.values()}})
