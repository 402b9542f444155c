"""The database's form: numbered SQL files, forward only; `user_version` says which were applied."""

import sqlite3
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from orchestrator.core.errors import StoreUnwritable


@cache
def scripts() -> tuple[str, ...]:
    """The SQL of every version, the first one first."""
    folder = files("orchestrator.store") / "schema"
    found = sorted(folder.iterdir(), key=lambda f: f.name)
    return tuple(f.read_text() for f in found if f.name.endswith(".sql"))


def version(connection: sqlite3.Connection) -> int:
    """The version of the database.

    Raises:
        StoreUnwritable: it was written by a newer program.
    """
    found = int(connection.execute("pragma user_version").fetchone()[0])
    if found > len(scripts()):
        raise StoreUnwritable(
            f"the event store has version {found}; this program knows {len(scripts())}",
            hint="use the newer orchestrator that wrote it",
        )
    return found


def check_current(connection: sqlite3.Connection) -> None:
    """`StoreUnwritable` where the database is not of this program's version."""
    if version(connection) < len(scripts()):
        raise StoreUnwritable("the event store could not be brought to this program's version")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to this program's version, in one transaction; two that try do it once.

    Raises:
        StoreUnwritable: it was written by a newer program.
    """
    if version(connection) == len(scripts()):
        return
    connection.execute("begin immediate")
    try:
        first = version(connection)
        for number, sql in enumerate(scripts()[first:], first + 1):
            for statement in _statements(sql):
                connection.execute(statement)
            connection.execute(f"pragma user_version = {number}")
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _statements(sql: str) -> Iterator[str]:
    """One by one: `executescript` would commit what is open before it begins."""
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
