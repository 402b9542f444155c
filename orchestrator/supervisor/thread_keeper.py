"""`thread.json`, the truth about which thread is the session's, and the thread's start and resume."""

import asyncio
from typing import Any

from orchestrator.codex_connection.peer import Connection
from orchestrator.core import places
from orchestrator.core.errors import CodexRefused
from orchestrator.supervisor.ending import WHAT_TO_DO, WHAT_TO_MEND, Hopeless, check_thread
from orchestrator.supervisor.order import Order, is_thread_id
from orchestrator.supervisor.private import PrivateFolder
from orchestrator.supervisor.recorder import Recorder
from orchestrator.supervisor.status import StatusBoard
from orchestrator.supervisor.thread import Policy, echo, resume_params, start_params, thread_file, wanted

_PATIENCE = 30.0


class ThreadKeeper:
    """Knows the current thread; `ready` is set while codex has it loaded for us."""

    def __init__(self, order: Order, folder: PrivateFolder, recorder: Recorder, board: StatusBoard) -> None:
        self._order = order
        self._folder = folder
        self._recorder = recorder
        self._board = board
        self.thread_id = self._read()
        self.ready = asyncio.Event()

    def begin(self) -> None:
        """Note, before anything is recorded, that a thread is about to be started, where there is none."""
        if not self.thread_id:
            self._write("")

    async def establish(self, connection: Connection) -> dict[str, Any]:
        """Start the thread or resume it; codex's answer.

        Raises:
            Hopeless: codex refuses to start or resume the thread, or applies other policies than those asked
                for; it would do so at another start too.
        """
        try:
            answer = await (self._resume(connection) if self.thread_id else self._start(connection))
        except CodexRefused as exc:
            if not self.thread_id:
                raise Hopeless(f"codex refused to start a thread: {exc.message}; {WHAT_TO_MEND}") from exc
            why = f"codex refused to resume {self.thread_id}: {exc.message}; {WHAT_TO_DO}"
            raise Hopeless(why) from exc
        applied = self.note_policy(answer)
        if applied != wanted(self._order):
            raise Hopeless(f"codex applies {applied}, not {wanted(self._order)}; {WHAT_TO_MEND}")
        return answer

    async def follow(self, connection: Connection, thread_id: str) -> dict[str, Any]:
        """Make a thread that a person has opened ours. Without a name it could not be resumed."""
        answer = await self._adopt(connection, thread_id)
        self._write(thread_id)
        self.note_policy(answer)
        self._announce("followed")
        return answer

    def note_policy(self, answer: dict[str, Any]) -> Policy:
        applied = echo(answer)
        matches = applied == wanted(self._order)
        policy = {"sandbox": applied.sandbox, "approval": applied.approval}
        self._recorder.say("policy", **policy, matches=matches)
        self._board.update(policy=policy)
        return applied

    async def _start(self, connection: Connection) -> dict[str, Any]:
        answer = await connection.call("thread/start", start_params(self._order), timeout=_PATIENCE)
        thread_id = str(answer.get("thread", {}).get("id", ""))
        if not is_thread_id(thread_id):
            raise Hopeless(f"codex started a thread with the id {thread_id!r}; {WHAT_TO_MEND}")
        await self._name(connection, thread_id)
        self._write(thread_id)
        self._announce("started")
        return answer

    async def _resume(self, connection: Connection) -> dict[str, Any]:
        params = resume_params(self._order, self.thread_id)
        answer = await connection.call("thread/resume", params, timeout=_PATIENCE)
        self._announce("resumed")
        return answer

    async def _adopt(self, connection: Connection, thread_id: str) -> dict[str, Any]:
        await self._name(connection, thread_id)
        params = resume_params(self._order, thread_id)
        return await connection.call("thread/resume", params, timeout=_PATIENCE)

    async def _name(self, connection: Connection, thread_id: str) -> None:
        params = {"threadId": thread_id, "name": self._order.role}
        await connection.call("thread/name/set", params, timeout=_PATIENCE)

    def _announce(self, how: str) -> None:
        self._recorder.say("thread", threadId=self.thread_id, how=how)
        self._board.update(thread_id=self.thread_id)

    def _write(self, thread_id: str) -> None:
        value = thread_file(thread_id, self._board.time())
        self._folder.write_json(places.THREAD_FILE, value, durable=True)
        self.thread_id = thread_id

    def _read(self) -> str:
        try:
            value = self._folder.read_json(places.THREAD_FILE)
        except ValueError as exc:
            raise Hopeless(f"thread.json cannot be read: {exc}; {WHAT_TO_DO}") from exc
        kept = None if value is None else str(value.get("thread_id", ""))
        if kept and not is_thread_id(kept):
            raise Hopeless(f"thread.json names no thread: {kept!r}; {WHAT_TO_DO}")
        return check_thread(kept, self._order.thread_id, self._recorder.index.lines)
