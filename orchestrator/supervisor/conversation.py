"""One connection's worth of recording: thread established, history caught up, then every word as it comes."""

from collections.abc import Callable
from typing import Any

from orchestrator.codex.payload import mapping, text
from orchestrator.codex_connection.peer import Connection
from orchestrator.core.errors import CodexRefused
from orchestrator.supervisor.catch_up import CatchUp
from orchestrator.supervisor.index import Message, ident
from orchestrator.supervisor.order import is_thread_id
from orchestrator.supervisor.recorder import Recorder
from orchestrator.supervisor.rollout_tail import Rollouts
from orchestrator.supervisor.thread import is_conversation, is_side_thread
from orchestrator.supervisor.thread_keeper import ThreadKeeper


class Conversation:
    """Records one connection from its first word to its last."""

    def __init__(
        self, connection: Connection, recorder: Recorder, keeper: ThreadKeeper, rollouts: Rollouts | None
    ) -> None:
        self._connection = connection
        self._recorder = recorder
        self._keeper = keeper
        self._rollouts = rollouts
        self._catch_up = CatchUp(connection, recorder)

    async def begin(self, since: int, now: Callable[[], int]) -> None:
        """Everything before the first live line; nobody has listened since `since` (microseconds)."""
        first = self._recorder.index.boots == 1 and not self._keeper.thread_id
        self._recorder.new_connection()
        self._recorder.say("connected")
        answer = await self._keeper.establish(self._connection)
        self._subscribed(answer)
        if not first:
            await self._catch_up.threads(self._keeper.thread_id, _status(answer), since, now())
            await self._subscribe_others()

    async def record(self) -> None:
        """Every message until the connection ends."""
        async for message in self._connection.messages():
            if self._recorder.hear(message):
                await self._react(message)

    async def _react(self, message: Message) -> None:
        params = mapping(message.get("params"))
        match message.get("method"):
            case "thread/started":
                thread = mapping(params.get("thread"))
                if is_conversation(thread) and ident(thread) != self._keeper.thread_id:
                    await self._follow(ident(thread))
            case "turn/started":
                await self._watch_rollout(text(params, "threadId"))

    async def _follow(self, thread_id: str) -> None:
        """A person opened a new thread: it is the session's from now on."""
        if not is_thread_id(thread_id):
            return
        try:
            answer = await self._keeper.follow(self._connection, thread_id)
        except CodexRefused as exc:
            self._recorder.say("gap", why=f"cannot follow {thread_id}: {exc.message}", lost=[thread_id])
            return
        self._subscribed(answer)
        await self._catch_up.thread(thread_id)

    async def _subscribe_others(self) -> None:
        """Threads that codex has loaded besides ours: sub-agents of a turn that outlived our connection."""
        loaded = await self._connection.call("thread/loaded/list", {})
        for thread_id in loaded.get("data", []):
            if thread_id == self._keeper.thread_id:
                continue
            try:
                await self._subscribe(str(thread_id))
            except CodexRefused as exc:
                self._recorder.say(
                    "gap", why=f"cannot subscribe {thread_id}: {exc.message}", lost=[thread_id]
                )

    async def _subscribe(self, thread_id: str) -> None:
        thread = (await self._read(thread_id)).get("thread", {})
        if is_side_thread(thread):
            return
        params = {"threadId": thread_id, "excludeTurns": True}
        self._subscribed(await self._connection.call("thread/resume", params))
        await self._catch_up.thread(thread_id)

    async def _watch_rollout(self, thread_id: str) -> None:
        """A sub-agent's thread is first heard of by its turn."""
        if self._rollouts is None or self._rollouts.knows(thread_id):
            return
        try:
            self._rollouts.add(
                thread_id, str((await self._read(thread_id)).get("thread", {}).get("path") or "")
            )
        except CodexRefused as exc:
            lost = ["commands that codex hides"]
            self._recorder.say("gap", why=f"no rollout of {thread_id}: {exc.message}", lost=lost)

    async def _read(self, thread_id: str) -> dict[str, Any]:
        return await self._connection.call("thread/read", {"threadId": thread_id, "includeTurns": False})

    def _subscribed(self, answer: dict[str, Any]) -> None:
        thread = answer.get("thread", {})
        self._recorder.say("subscribed", threadId=ident(thread), status=thread.get("status"))
        if self._rollouts is not None:
            self._rollouts.add(ident(thread), str(thread.get("path") or ""))


def _status(answer: dict[str, Any]) -> Message:
    status = answer.get("thread", {}).get("status")
    return status if isinstance(status, dict) else {}
