"""The way out: the recorder's log of one session, line by line, into its journal, each line once."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

import structlog

from orchestrator.codex.recording import Line, Unreadable, decode
from orchestrator.codex.translate import translate, unreadable
from orchestrator.core.envelope import Direction, Draft, timestamp
from orchestrator.core.errors import InvalidInput, StoreUnwritable
from orchestrator.core.events import Event
from orchestrator.core.ports import Checkpoint, Clock, Recording
from orchestrator.sessions.journal import Journal

LINES_AT_ONCE = 256
LONGEST_PAUSE = 5.0

log = structlog.get_logger()


class Collector:
    """Reads from the stored checkpoint on; whatever dies when, the next one goes on from there."""

    def __init__(
        self, journal: Journal, recording: Recording, clock: Clock, followed: Callable[[str], None]
    ) -> None:
        self._journal = journal
        self._recording = recording
        self._clock = clock
        self._followed = followed
        self._main_thread = journal.session.thread_id
        self.caught_up = asyncio.Event()

    async def run(self, checkpoint: Checkpoint) -> None:
        async with aclosing(self._recording.changes()) as changes:
            async for _ in changes:
                await self._journal.refresh()
                checkpoint = await self._drain(checkpoint)
                self.caught_up.set()

    async def _drain(self, checkpoint: Checkpoint) -> Checkpoint:
        while True:
            chunk = await self._recording.read(checkpoint, LINES_AT_ONCE)
            if not chunk.lines:
                return chunk.checkpoint
            drafts, reached = self._translated(chunk.lines, checkpoint, chunk.checkpoint)
            checkpoint = await self._stored(drafts, checkpoint, reached)

    async def _stored(self, drafts: Sequence[Draft], after: Checkpoint, reached: Checkpoint) -> Checkpoint:
        pause = 0.1
        while True:
            try:
                return await self._journal.record(drafts, after, reached)
            except StoreUnwritable as exc:
                log.error(  # noqa: TRY400 - the cause is in the reason; a trace a second would hide it
                    "event_persist_error", session_id=self._journal.session.session_id, reason=exc.message
                )
            except InvalidInput as exc:
                log.error("event_unstorable", reason=exc.message)  # noqa: TRY400 - the reason says it
                now = timestamp(self._clock.now())
                drafts = [_gap(now, "events that cannot be stored", after.line + 1, reached.line)]
            await self._clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _translated(
        self, lines: Sequence[bytes], before: Checkpoint, after: Checkpoint
    ) -> tuple[list[Draft], Checkpoint]:
        """The events of these lines, and the checkpoint behind them with the number and time of the last."""
        now = timestamp(self._clock.now())
        drafts: list[Draft] = []
        last, time = before.line, before.time
        if before.inode and before.inode != after.inode:
            drafts.append(_gap(now, "the recording was replaced", last + 1, 0))
            last, time = 0, 0
        for data in lines:
            try:
                line = decode(data)
            except Unreadable as exc:
                drafts.append(unreadable(data, str(exc), now))
                last += 1
                continue
            if line.n <= last and line.t <= time:
                continue  # it was read before the file was cut short; what replaced it is later
            if line.n > last + 1:
                why = "lines are missing from the recording"
                drafts.append(_gap(timestamp(line.t), why, last + 1, line.n - 1))
            drafts += self._read(line)
            last, time = line.n, line.t
        return drafts, replace(after, line=last, time=time)

    def _read(self, line: Line) -> list[Draft]:
        thread_id = str(line.params.get("threadId", ""))
        if line.method == "supervisor/thread" and thread_id != self._main_thread:
            self._followed(thread_id)
            self._main_thread = thread_id
        return translate(line, self._main_thread)


def _gap(now: str, why: str, first: int, last: int) -> Draft:
    return Draft(
        timestamp=now,
        type=Event.GAP,
        direction=Direction.SYSTEM,
        text=why,
        data={"first_line": first, "last_line": last},
    )
