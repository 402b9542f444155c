"""The end of a container's own log, put into words for an error: what tells why a session did not come up."""

from itertools import groupby

from orchestrator.codex import recording
from orchestrator.codex.recording import Source
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.session import Session
from orchestrator.sessions.world import World

#: Read of a log; what codex says of itself is among it.
LINES_READ = 100
#: Told of it, in lines and in characters.
LINES_TOLD = 5
LONGEST = 1000

_OWN = "supervisor/"
_BETWEEN = " | "


async def last_words(world: World, session: Session) -> str:
    """The end of the log in one line; empty where it is empty or cannot be read.

    Only asked for an error that is being raised, which counts more than a log that is out of reach.
    """
    try:
        log = await world.engine.log(session.container_name, LINES_READ)
    except OrchestratorError:
        return ""
    return in_words(log)


def in_words(log: bytes) -> str:
    """The last `LINES_TOLD` lines that mean something to a person, in `LONGEST` characters at most.

    The supervisor's notes are told without their frame, codex's own messages not at all; everything else, as
    a traceback, stands as it is.
    """
    lines = [said for line in log.splitlines() if (said := _said(line))]
    told = [_times(said, len(list(again))) for said, again in groupby(lines)][-LINES_TOLD:]
    room = (LONGEST - len(_BETWEEN) * (LINES_TOLD - 1)) // LINES_TOLD
    return _BETWEEN.join(one if len(one) <= room else f"{one[: room - 1]}…" for one in told)


def _said(line: bytes) -> str:
    try:
        noted = recording.decode(line)
    except recording.Unreadable:
        return _printable(line.decode("utf-8", "replace"))
    if noted.source is not Source.SUPERVISOR:
        return ""
    details = ", ".join(str(value) for value in noted.params.values() if isinstance(value, str | int))
    return _printable(f"{noted.method.removeprefix(_OWN)}: {details}".removesuffix(": "))


def _times(said: str, times: int) -> str:
    return said if times == 1 else f"{said} ({times} times)"


def _printable(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
