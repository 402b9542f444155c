"""Long reads of one session: its envelopes as they come, and the bytes of its pane."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from io import FileIO

from orchestrator.core.envelope import Envelope
from orchestrator.core.errors import SessionNotFound
from orchestrator.core.session import Session
from orchestrator.sessions.feed import PAGE, ends, follow
from orchestrator.sessions.fleet import Fleet

HEARTBEAT_SECONDS = 10.0
BLOCK = 65_536
LOOK_AGAIN = 0.5


async def envelopes(fleet: Fleet, session: Session, since_seq: int) -> AsyncGenerator[bytes, None]:
    """NDJSON from `since_seq` on; an empty line is a heartbeat. Ends when the session stops.

    A session that is wanted and not held (its engine is away, its daemon has only just begun) is waited for.
    """
    stopped = False
    while True:
        async for envelope in _held_or_stored(fleet, session, since_seq):
            if envelope is not None:
                since_seq = envelope.seq
                stopped = ends(envelope, stopped=stopped)
            yield envelope.to_line() if envelope else b"\n"
        if stopped or not fleet.wanted(session.session_id):
            return
        yield b"\n"
        await fleet.world.clock.sleep(LOOK_AGAIN)


async def _held_or_stored(fleet: Fleet, session: Session, since_seq: int) -> AsyncIterator[Envelope | None]:
    store, held = fleet.world.store, await fleet.soon(session.session_id)
    if held is not None:
        journal = held.journal
        async for live in follow(journal.feed, store, session.session_id, since_seq, HEARTBEAT_SECONDS):
            yield live
        return
    while True:
        page = await store.read(session.session_id, since_seq, PAGE)
        for envelope in page.envelopes:
            since_seq = envelope.seq
            yield envelope
        if len(page.envelopes) < PAGE:
            return


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
    folder = fleet.world.home.folder(session.role, session.session_id).root
    with file:
        async with aclosing(fleet.world.changes(folder)) as changes:
            async for _ in changes:
                while data := await asyncio.to_thread(file.read, BLOCK):
                    yield data
                if not follow or fleet.held(session.session_id) is None:
                    return
