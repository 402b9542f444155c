"""The database's form: numbered SQL files, forward only; `user_version` says which were applied."""

import sqlite3
from importlib.resources import files

from orchestrator.core.errors import StoreUnwritable


def scripts() -> list[str]:
    """The SQL of every version, the first one first."""
    folder = files("orchestrator.store") / "schema"
    return [f.read_text() for f in sorted(folder.iterdir(), key=lambda f: f.name) if f.name.endswith(".sql")]


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to this program's version, one transaction a step.

    Raises:
        StoreUnwritable: the database was written by a newer program.
    """
    known = scripts()
    version = int(connection.execute("pragma user_version").fetchone()[0])
    if version > len(known):
        raise StoreUnwritable(
            f"the event store has version {version}; this program knows {len(known)}",
            hint="use the newer orchestrator that wrote it",
        )
    for number, sql in enumerate(known[version:], version + 1):
        connection.executescript(f"begin immediate;\n{sql}\npragma user_version = {number};\ncommit;")
