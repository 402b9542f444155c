"""Commands to the app-server of one container, over a connection that is opened when it is first needed.

It implements the `Codex` port. It hears no notification (the recording tells what happened) and answers no
server request. What only asks is asked again on a fresh connection when the old one proves dead; what
starts something is sent once, because nobody could tell whether it arrived.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from orchestrator.codex import requests
from orchestrator.codex.notifications import NOTIFICATIONS
from orchestrator.codex_connection.peer import Connection
from orchestrator.core.errors import CodexRefused, ConnectionLost, TimedOut
from orchestrator.core.places import APP_SOCKET
from orchestrator.core.ports import ByteStream, ThreadStatus

#: Starts a program next to the app-server and holds it: its two ends are the connection.
Opener = Callable[[Sequence[str]], Awaitable[ByteStream]]
Answer = dict[str, Any]

_ACTIVE, _RUNNING = "active", "inProgress"
_OVER = frozenset({"completed", "failed"})
_LOOKED_AT = 5
_UNTIL_LISTED = (0.01, 0.02, 0.05, 0.1, 0.2)


def proxy(socket: str = APP_SOCKET) -> list[str]:
    """The program that joins its own two ends to the app-server's socket."""
    return ["codex", "app-server", "proxy", "--sock", socket]


class Control:
    """The app-server for one client that only commands. `limit` bounds every single answer, in seconds."""

    def __init__(self, opener: Opener, *, socket: str = APP_SOCKET, limit: float = 10) -> None:
        self._opener = opener
        self._socket = socket
        self._limit = limit
        self._connection: Connection | None = None
        self._opening = asyncio.Lock()

    async def status(self, thread_id: str) -> ThreadStatus:
        """Codex's word about the thread, with the running turn where there is one.

        For a moment after `turn/start` codex calls a thread idle whose turn is in progress already; such a
        thread counts as active as soon as codex lists the turn.

        Raises:
            CodexRefused: it knows no such thread.
            TimedOut, ConnectionLost: it does not answer.
        """
        turns = asyncio.create_task(self._running(thread_id))  # both questions at once
        try:
            thread = _part(await self._ask("thread/read", requests.thread_read(thread_id)), "thread")
            status = _part(thread, "status")
            kind, flags = str(status.get("type", "")), status.get("activeFlags") or ()
            turn_id = await turns if kind in {_ACTIVE, "idle"} else ""
        finally:
            turns.cancel()
            await asyncio.gather(turns, return_exceptions=True)
        return ThreadStatus(kind=_ACTIVE if turn_id else kind, flags=tuple(map(str, flags)), turn_id=turn_id)

    async def _running(self, thread_id: str) -> str:
        """The newest turn if it is in progress; a turn may have ended since codex said `active`."""
        turns = await self._turns(thread_id)
        return next((turn for turn, status in turns[:1] if status == _RUNNING), "")

    async def _turns(self, thread_id: str) -> list[tuple[str, str]]:
        """The newest turns, newest first, each with its status."""
        page = await self._ask("thread/turns/list", requests.turns_list(thread_id, limit=_LOOKED_AT))
        turns = page.get("data")
        known = [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
        return [(str(turn.get("id", "")), str(turn.get("status", ""))) for turn in known]

    async def start_turn(self, thread_id: str, text: str, message_id: str) -> str:
        """Where a turn runs already, codex takes the message into that one: its id is the answer."""
        answer = await self._tell("turn/start", requests.turn_start(thread_id, text, message_id))
        return _name(_part(answer, "turn"), "id")

    async def steer(self, thread_id: str, turn_id: str, text: str, message_id: str) -> str:
        answer = await self._tell("turn/steer", requests.turn_steer(thread_id, turn_id, text, message_id))
        return _name(answer, "turnId")

    async def interrupt(self, thread_id: str, turn_id: str) -> None:
        """End the turn; a turn that does not run (any more) is left in peace.

        For some milliseconds after `turn/start` codex does not list the turn, or calls it interrupted, and
        refuses to interrupt it: so a turn that may be about to run is looked for again.
        """
        refused: CodexRefused | None = None
        for pause in _UNTIL_LISTED:
            status = dict(await self._turns(thread_id)).get(turn_id, "")
            if status in _OVER:
                return
            if status == _RUNNING:
                refused = await self._interrupted(thread_id, turn_id)
                if refused is None:
                    return
            await asyncio.sleep(pause)
        if refused is not None:
            raise refused

    async def _interrupted(self, thread_id: str, turn_id: str) -> CodexRefused | None:
        """The refusal, if codex refused. It never answers an interrupt that finds nothing to end."""
        try:
            await self._tell("turn/interrupt", requests.turn_interrupt(thread_id, turn_id))
        except CodexRefused as exc:
            return exc
        except TimedOut:
            if await self._running(thread_id) == turn_id:
                raise
        return None

    async def clean_terminals(self, thread_id: str) -> None:
        """End what the agent's commands left running in the background."""
        await self._tell("thread/backgroundTerminals/clean", requests.clean_terminals(thread_id))

    async def close(self) -> None:
        """End the connection; the next command would open another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _ask(self, method: str, params: Answer) -> Answer:
        """A request that changes nothing: repeated once where the connection turns out to be dead."""
        try:
            return await self._tell(method, params)
        except ConnectionLost:
            return await self._tell(method, params)

    async def _tell(self, method: str, params: Answer) -> Answer:
        connection = await self._open()
        try:
            return await connection.call(method, params, timeout=self._limit)
        except TimedOut:
            # Either the server is slow or the way to it is blocked; only a fresh connection can tell.
            await self.close()
            raise

    async def _open(self) -> Connection:
        async with self._opening:
            if self._connection is None or self._connection.closed:
                await self.close()
                self._connection = await self._fresh()
            return self._connection

    async def _fresh(self) -> Connection:
        try:
            async with asyncio.timeout(self._limit):
                stream = await self._opener(proxy(self._socket))
        except TimeoutError as exc:
            raise TimedOut("no program could be started beside the app-server in time") from exc
        return await Connection.open(
            stream, name="control", opt_out=NOTIFICATIONS, timeout=self._limit, listen=False
        )


def _part(answer: Answer, key: str) -> Answer:
    value = answer.get(key)
    if not isinstance(value, dict):
        raise CodexRefused(f"codex answered without {key}: its version may be another than the one we know")
    return value


def _name(answer: Answer, key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise CodexRefused(f"codex answered without {key}: its version may be another than the one we know")
    return value
