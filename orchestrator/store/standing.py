"""What each session's events come to, kept beside them and written in their transaction.

One of another reducer, or that cannot be read, is made again: it is derived from the events.
"""

import sqlite3
from collections.abc import Iterable

from orchestrator.core.activity import DECISIVE, REDUCER, State, advance
from orchestrator.core.envelope import Draft
from orchestrator.core.ports import Standing
from orchestrator.store.rows import envelope_from, state_from, state_text


def kept(connection: sqlite3.Connection, session_id: str) -> tuple[int, State | None]:
    """The last seq, and the state after it; None where no state is kept that this program can use."""
    sql = "select seq, reducer, state from standing where session_id = ?"
    row = connection.execute(sql, (session_id,)).fetchone()
    if row is None:
        return 0, State()
    return row[0], _usable(*row[1:])


def _usable(reducer: int, text: str) -> State | None:
    if reducer != REDUCER:
        return None
    try:
        return state_from(text)
    except (ValueError, LookupError, TypeError):
        return None


def move_on(connection: sqlite3.Connection, session_id: str, seq: int, state: State | None) -> None:
    """Note the last seq with its state; a state that is not known stays one that has to be made again."""
    if state is None:
        connection.execute("update standing set seq = ?, reducer = 0 where session_id = ?", (seq, session_id))
        return
    connection.execute(
        "insert or replace into standing values (?, ?, ?, ?)", (session_id, seq, REDUCER, state_text(state))
    )


def after(state: State, drafts: Iterable[Draft]) -> State:
    for draft in drafts:
        state = advance(state, draft)
    return state


def made_again(connection: sqlite3.Connection, session_id: str, seq: int) -> State:
    """The state after that event, from all that came before."""
    wanted = ", ".join("?" * len(DECISIVE))
    rows = connection.execute(
        f"select envelope from events where session_id = ? and seq <= ? and type in ({wanted}) order by seq",  # noqa: S608 - marks only
        (session_id, seq, *DECISIVE),
    )
    return after(State(), (envelope_from(text).draft for (text,) in rows))


def keep(connection: sqlite3.Connection, session_id: str, made: Standing) -> None:
    """A state that was made again, unless more has been stored meanwhile."""
    connection.execute(
        "update standing set reducer = ?, state = ? where session_id = ? and seq = ?",
        (REDUCER, state_text(made.state), session_id, made.seq),
    )
