"""After a connection: everything that codex knows and the log does not, written before anything live."""

import asyncio
from typing import Any

from orchestrator.codex_connection.peer import Connection
from orchestrator.core.errors import CodexRefused
from orchestrator.supervisor import backfill, closing
from orchestrator.supervisor.index import Message, ident
from orchestrator.supervisor.recorder import Recorder

_PAGE = 50
_PAGES = 200
#: Seconds between the looks at a list that is in doubt; the last one is believed. Codex was
#: measured to be wrong for up to 4 ms after `turn/start`; the looks span 750.
_LOOK_AGAIN = (0.05, 0.1, 0.2, 0.4)


class CatchUp:
    """Reads the lists of one connection and writes what is missing."""

    def __init__(self, connection: Connection, recorder: Recorder) -> None:
        self._connection = connection
        self._recorder = recorder
        self._running: set[str] = set()

    async def threads(self, main: str, status: Message, since: int, until: int) -> None:
        """The session's thread, those with open turns, and the sub-agents that are met on the way.

        `since` and `until` bound the time in which nobody listened (microseconds); they go into the gap.
        """
        index = self._recorder.index
        todo = [main, *(turn.thread_id for turn in index.open_turns.values() if turn.thread_id)]
        done: list[str] = []
        declared = False
        while todo:
            thread_id = todo.pop(0)
            if thread_id in done:
                continue
            done.append(thread_id)
            messages = await self._missing(thread_id)
            if not declared and (messages or index.open_turns):
                self._declare(since, until)
                declared = True
            self._recorder.backfill(messages)
            todo += _sub_agents(messages)
        self._close_rest(main, status)

    async def thread(self, thread_id: str) -> None:
        """One thread that has just been met."""
        self._recorder.backfill(await self._missing(thread_id))

    async def _missing(self, thread_id: str) -> list[Message]:
        """What to write for a thread; nothing where codex does not know it any more."""
        try:
            turns = closing.cut_off(await self._settled(thread_id))
            self._running |= {ident(turn) for turn in turns if turn.get("status") == "inProgress"}
            items = {ident(turn): await self._items(thread_id, ident(turn)) for turn in turns}
        except CodexRefused as exc:
            self._recorder.say("gap", why=f"codex cannot list {thread_id}: {exc.message}", lost=["turns"])
            return []
        return backfill.messages(self._recorder.index, thread_id, turns, items)

    async def _settled(self, thread_id: str) -> list[Message]:
        """As `_turns`; nothing in it is called over, or left out, at the first look alone."""
        for pause in _LOOK_AGAIN:
            turns: list[Message] | None = None
            try:
                turns = await self._turns(thread_id)
            except CodexRefused:
                if not closing.in_doubt(self._recorder.index, thread_id, []):
                    raise
            if turns is not None and not closing.in_doubt(self._recorder.index, thread_id, turns):
                return turns
            await asyncio.sleep(pause)
        return await self._turns(thread_id)

    async def _turns(self, thread_id: str) -> list[Message]:
        """The turns that are not whole in the log, oldest first."""
        found: list[Message] = []
        params: dict[str, Any] = {"threadId": thread_id, "limit": _PAGE, "sortDirection": "desc"}
        for _ in range(_PAGES):
            page = await self._connection.call("thread/turns/list", params)
            missing, more = backfill.missing_turns(self._recorder.index, page.get("data", []))
            found += missing
            if not more or not page.get("nextCursor"):
                break
            params["cursor"] = page["nextCursor"]
        return found[::-1]

    async def _items(self, thread_id: str, turn_id: str) -> list[Message]:
        found: list[Message] = []
        params = {"threadId": thread_id, "turnId": turn_id, "limit": _PAGE, "sortDirection": "asc"}
        for _ in range(_PAGES):
            page = await self._connection.call("thread/items/list", params)
            found += page.get("data", [])
            if not page.get("nextCursor"):
                break
            params["cursor"] = page["nextCursor"]
        return found

    def _declare(self, since: int, until: int) -> None:
        why = "nobody listened to codex"
        self._recorder.say("gap", why=why, lost=list(backfill.LOST), since=since, until=until)

    def _close_rest(self, main: str, status: Message) -> None:
        """What codex neither lists as running nor waits for is over, whatever the log says."""
        index = self._recorder.index
        self._recorder.close_open(closing.turns(index, running=self._running))
        flags = [str(flag) for flag in status.get("activeFlags", [])]
        self._recorder.close_open(closing.answered_meanwhile(index, main, flags))


def _sub_agents(messages: list[Message]) -> list[str]:
    items = [message["params"].get("item", {}) for message in messages]
    return [str(item["agentThreadId"]) for item in items if item.get("agentThreadId")]
