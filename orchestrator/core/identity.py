"""Names: session ids, roles, projects, and how a person's word picks one session.

The clock and the dice are the caller's: nothing here is random.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from orchestrator.core.errors import InvalidInput, SelectorAmbiguous, SessionNotFound

#: Crockford's alphabet without look-alikes, lower case: safe in tmux targets, container and file names.
ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_LENGTH = 10
SHORTEST_PREFIX = 3
_TOO_SHORT = f", and the beginning of an id needs {SHORTEST_PREFIX} characters"

_ID = re.compile(rf"[{ID_ALPHABET}]{{{ID_LENGTH}}}")
_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Named(Protocol):
    """What can be picked by name."""

    @property
    def session_id(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def live(self) -> bool: ...


T = TypeVar("T", bound=Named)


def session_id(dice: Sequence[int]) -> str:
    """An id from at least ten random bytes; the first character is a letter (tmux reads `=1` as an index)."""
    letters = ID_ALPHABET[10:]
    return letters[dice[0] % len(letters)] + "".join(ID_ALPHABET[b % 32] for b in dice[1:ID_LENGTH])


def is_session_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def check_role(role: str) -> str:
    """The role itself, or `InvalidInput` where tmux, Docker or a file system could not take it."""
    if not _ROLE.fullmatch(role):
        raise InvalidInput(
            f"{role!r} cannot name a role",
            hint="use 1 to 32 lower-case letters, digits, `-` or `_`, beginning with a letter",
        )
    return role


def resolve(selector: str, sessions: Iterable[T]) -> T:
    """The one session meant by an id, a role, or a unique prefix of an id, tried in that order.

    A role means its live session; where none is live, its newest one (sessions come oldest first).

    Raises:
        SessionNotFound: nothing answers to the selector.
        SelectorAmbiguous: several live sessions of one role, or several ids with that prefix.
    """
    known = list(sessions)
    for session in known:
        if session.session_id == selector:
            return session
    of_role = [s for s in known if s.role == selector]
    live = [s for s in of_role if s.live]
    if of_role:
        return _only(selector, live) if live else of_role[-1]
    if len(selector) >= SHORTEST_PREFIX:
        matching = [s for s in known if s.session_id.startswith(selector)]
        if matching:
            return _only(selector, matching)
    raise SessionNotFound(
        f"no session is called {selector!r}" + (_TOO_SHORT if len(selector) < SHORTEST_PREFIX else ""),
        hint="`orchestrator ps --all` lists the sessions",
    )


def _only(selector: str, matching: list[T]) -> T:
    if len(matching) > 1:
        names = ", ".join(f"{s.session_id} ({s.role})" for s in matching)
        raise SelectorAmbiguous(f"{selector!r} could be {names}", hint="use the whole session id")
    return matching[0]


def container_name(project_id: str, session: str) -> str:
    return f"orchestrator-{project_id}-{session}"
