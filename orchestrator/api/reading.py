"""Long reads of one session: its envelopes as they come, and the bytes of its pane."""

import asyncio
from collections.abc import AsyncIterator
from io import FileIO

from orchestrator.core.errors import SessionNotFound
from orchestrator.core.session import Session
from orchestrator.sessions.feed import PAGE, follow
from orchestrator.sessions.fleet import Fleet

HEARTBEAT_SECONDS = 10.0
BLOCK = 65_536
LOOK_EVERY = 0.1


async def envelopes(fleet: Fleet, session: Session, since_seq: int) -> AsyncIterator[bytes]:
    """NDJSON from `since_seq` on; an empty line is a heartbeat. Ends when the session stops."""
    held = await fleet.soon(session.session_id)
    if held is None:
        while True:
            page = await fleet.world.store.read(session.session_id, since_seq, PAGE)
            for envelope in page.envelopes:
                since_seq = envelope.seq
                yield envelope.to_line()
            if len(page.envelopes) < PAGE:
                return
    stream = follow(held.journal.feed, fleet.world.store, session.session_id, since_seq, HEARTBEAT_SECONDS)
    async for live in stream:
        yield live.to_line() if live else b"\n"


def open_pane_log(fleet: Fleet, session: Session) -> FileIO:
    """The file that codex's screen was drawn into.

    Raises:
        SessionNotFound: there is no such file any more.
    """
    path = fleet.world.home.folder(session.role, session.session_id).pane_log
    try:
        return FileIO(str(path))
    except OSError as exc:
        raise SessionNotFound(f"{path} cannot be read: {exc.strerror}") from exc


async def pane_log(fleet: Fleet, session: Session, file: FileIO, *, follow: bool) -> AsyncIterator[bytes]:
    """The raw bytes that codex's screen was drawn with, from the beginning, and on as they come."""
    with file:
        while True:
            data = await asyncio.to_thread(file.read, BLOCK)
            if data:
                yield data
            elif not follow or fleet.held(session.session_id) is None:
                return
            else:
                await asyncio.sleep(LOOK_EVERY)
