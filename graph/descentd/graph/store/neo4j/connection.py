"""The connection to Neo4j: one driver, managed transactions, bookmarks, and errors without secrets."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from neo4j import (
    READ_ACCESS,
    WRITE_ACCESS,
    AsyncDriver,
    AsyncGraphDatabase,
    AsyncManagedTransaction,
    AsyncResult,
    AsyncSession,
    RoutingControl,
)
from neo4j.exceptions import (
    ConfigurationError,
    ConnectionPoolError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
)

from descentd.graph.model.errors import InvalidInput, ReadOnly, Unavailable
from descentd.graph.turns import in_database, pause

Result = TypeVar("Result")
Row = list[Any]

# What the driver tries again is for the log of a server: a command without one says in the end what came of it.
logging.getLogger("neo4j").addHandler(logging.NullHandler())

_AWAY: Final = "The database cannot be reached at the moment: send the request again in a few seconds."
_READ_ONLY: Final = "The database may only be read here: nothing is recorded until Descent may write to it."
_REFUSED: Final = "The database does not let Descent in: check the user, the password and the database's name."
# Mistakes in our own Cypher or in the schema: they are no outage, and are not reported as one.
_OURS: Final = ("Neo.ClientError.Statement.", "Neo.ClientError.Schema.", "Neo.ClientError.Procedure.")


_LANGUAGE: Final = "CYPHER 5 "
"""What our statements are written in: databases made by calendar versions take them for Cypher 25 otherwise."""


with suppress(ImportError, AttributeError):
    # Tables with which the driver packs numbers where its compiled part is missing: 12 MB that nothing reads beside it.
    from neo4j._codec.packstream import v1

    if getattr(v1, "_rust_pack", None) and getattr(v1, "_rust_unpack", None):
        v1.PACKED_UINT_16.clear()
        v1.UNPACKED_UINT_16.clear()


class _UndoneError(Exception):
    """Ends a transaction of which nothing is to be kept."""


class Run(Protocol):
    """Runs a statement and returns its rows, whole."""

    async def __call__(self, query: str, /, **parameters: Any) -> list[Row]:
        """The rows, each a list of values."""
        ...


class Connection:
    """A driver for one database. Every method raises Unavailable where the database cannot be reached.

    `read_only` says whether it let us write when that was last tried; what is written then raises ReadOnly.
    """

    def __init__(self, uri: str, auth: tuple[str, str] | None, database: str | None) -> None:
        self._uri, inside = _address(uri)
        self._auth = auth or inside
        self._database = database
        self._driver: AsyncDriver | None = None
        self.read_only = False

    async def open(self) -> None:
        """Make the driver; it connects when it is first used."""
        with _translated():
            self._driver = AsyncGraphDatabase.driver(
                self._uri,
                auth=self._auth,
                connection_timeout=3.0,
                connection_acquisition_timeout=5.0,
                # How long managed transactions are tried again after a first failure: a request waits little longer.
                max_transaction_retry_time=2.0,
                initial_retry_delay=0.1,
                liveness_check_timeout=10.0,
                notifications_min_severity="OFF",
                telemetry_disabled=True,
                user_agent="descentd",
            )
        # Every transaction waits for what those before it saw, so that nobody reads half of what is being applied.
        self._bookmarks = AsyncGraphDatabase.bookmark_manager()

    async def close(self) -> None:
        """Close all connections."""
        if self._driver is not None:
            driver, self._driver = self._driver, None
            await driver.close()

    async def run(self, query: str, /, **parameters: Any) -> list[Row]:
        """The rows of a single reading statement.

        It commits by itself, which takes one round trip; where that fails, it is tried again as a managed transaction.
        """
        return await in_database(partial(self._run, query, parameters))

    async def _run(self, query: str, parameters: dict[str, Any]) -> list[Row]:
        with _translated():
            try:
                return await self._alone(READ_ACCESS, query, parameters)
            except (DriverError, Neo4jError) as error:
                if not error.is_retryable():
                    raise
            return await self._execute(query, parameters, RoutingControl.READ)

    async def write_one(self, query: str, /, **parameters: Any) -> list[Row]:
        """The rows of a single writing statement, once it is durable; it commits by itself, in one round trip.

        It has to return no row, and do nothing, where it was applied already. Where the database undid it for a reason
        that passes, or the connection was lost, it is run again as a managed transaction. Raises as `write` does.
        """
        with self._writing(), _translated():
            try:
                return await self._alone(WRITE_ACCESS, query, parameters)
            except (DriverError, Neo4jError) as error:
                if not error.is_retryable():
                    raise
                rows = await self._execute(query, parameters, RoutingControl.WRITE)
                if not rows and isinstance(error, DriverError):
                    raise  # the first may have been applied, and what it was for must not be done twice
                return rows

    async def _alone(self, mode: str, query: str, parameters: dict[str, Any]) -> list[Row]:
        """The rows of a statement that commits by itself, in one round trip."""
        async with self._session(mode) as session:
            return await _rows(await session.run(_LANGUAGE + query, parameters))

    async def _execute(self, query: str, parameters: dict[str, Any], routing: RoutingControl) -> list[Row]:
        return await self._opened().execute_query(
            _LANGUAGE + query,
            parameters,
            routing_=routing,
            database_=self._database,
            bookmark_manager_=self._bookmarks,
            result_transformer_=_rows,
        )

    def _session(self, mode: str) -> AsyncSession:
        return self._opened().session(
            database=self._database, bookmark_manager=self._bookmarks, default_access_mode=mode, fetch_size=-1
        )

    async def read(self, work: Callable[[Run], Awaitable[Result]]) -> Result:
        """What `work` makes of several reading statements in one transaction; it may be run more than once."""
        with _translated():
            async with self._session(READ_ACCESS) as session:
                return await session.execute_read(lambda transaction: work(_in(transaction)))

    async def write(self, work: Callable[[Run], Awaitable[Result]]) -> Result:
        """What `work` returned, once its transaction is durable; it may be run more than once.

        Unavailable also stands for a commit whose outcome was not heard.
        """
        with self._writing(), _translated():
            async with self._session(WRITE_ACCESS) as session:
                return await session.execute_write(lambda transaction: work(_in(transaction)))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Note whether the database let us write."""
        try:
            yield
        except ReadOnly:
            self.read_only = True
            raise
        self.read_only = False

    async def try_out(self, work: Callable[[Run], Awaitable[Result]]) -> Result:
        """What `work` returned, which nothing is kept of; raises ReadOnly where nothing may be written."""
        found: list[Result] = []

        async def undone(run: Run) -> None:
            found[:] = [await work(run)]
            raise _UndoneError

        with suppress(_UndoneError):
            await self.write(undone)
        self.read_only = False
        return found[0]

    def _opened(self) -> AsyncDriver:
        if self._driver is None:
            raise Unavailable("The store is closed: open it first.")
        return self._driver


def _in(transaction: AsyncManagedTransaction) -> Run:
    async def run(query: str, /, **parameters: Any) -> list[Row]:
        return await _rows(await transaction.run(_LANGUAGE + query, parameters))

    return run


async def _rows(result: AsyncResult) -> list[Row]:
    rows = []
    async for record in result:
        rows.append(record.values())
        await pause()  # each is decoded when it is asked for
    return rows


def _address(uri: str) -> tuple[str, tuple[str, str] | None]:
    """The address without the credentials that it may hold, and those."""
    try:
        parts = urlsplit(uri)
        given, host = (parts.username, parts.password or ""), parts.netloc.rpartition("@")[2]
        understood = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        understood = False
    if not understood or parts.path not in {"", "/"}:
        # Whatever cannot be taken apart may hold a password anywhere: nothing of it is repeated.
        raise InvalidInput(
            "The address of the database is not understood: write bolt://USER:PASSWORD@HOST:PORT, %-encoded."
        )
    address = f"{parts.scheme}://{host}" + (f"?{parts.query}" if parts.query else "")
    return address, None if given[0] is None else (unquote(given[0]), unquote(given[1]))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ServiceUnavailable, SessionExpired, ConnectionPoolError) as error:
        raise Unavailable(_AWAY) from error
    except ConfigurationError as error:
        raise Unavailable("The address of the database or its settings are not understood by its driver.") from error
    except Neo4jError as error:
        code = error.code or ""
        if "ReadOnly" in code or code == "Neo.ClientError.Security.Forbidden":
            raise ReadOnly(_READ_ONLY) from error
        if code.startswith(_OURS):
            raise
        raise Unavailable(_REFUSED if code.startswith("Neo.ClientError.Security.") else _AWAY) from error
    except DriverError as error:
        if not error.is_retryable():
            raise
        raise Unavailable(_AWAY) from error
