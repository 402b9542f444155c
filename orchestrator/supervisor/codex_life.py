"""Codex's part of the supervisor's life: an app-server is kept running, connected to, and recorded."""

import asyncio
from collections.abc import Callable

from orchestrator.codex_connection.peer import Connection
from orchestrator.core.errors import CodexRefused, ConnectionLost, TimedOut
from orchestrator.supervisor import closing, stopping
from orchestrator.supervisor.app_server import AppServer, Imitated
from orchestrator.supervisor.backoff import Backoff
from orchestrator.supervisor.conversation import Conversation
from orchestrator.supervisor.ending import Fatal
from orchestrator.supervisor.first_of import first_of, for_ever
from orchestrator.supervisor.processes import CannotStart, PartFailed
from orchestrator.supervisor.pulse import Pulse
from orchestrator.supervisor.recorder import Recorder
from orchestrator.supervisor.rollout_tail import Rollouts
from orchestrator.supervisor.status import Phase, StatusBoard
from orchestrator.supervisor.thread_keeper import ThreadKeeper

NAME = "orchestrator"
_TRIES = 5
_RECONNECTS = 3
_PATIENCE_TO_DRAIN = 2.0
_ROLLOUTS_EVERY = 0.5
#: What reading an answer of another shape raises: the agent can put its words into codex's mouth.
_NOT_UNDERSTOOD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class CodexLife:
    """Runs until cancelled, or until `Fatal`. `stop` ends codex in order first."""

    def __init__(
        self,
        *,
        app: AppServer,
        recorder: Recorder,
        keeper: ThreadKeeper,
        board: StatusBoard,
        rollouts: Rollouts | None,
        now: Callable[[], int],
        up: Callable[[], None],
    ) -> None:
        self._app = app
        self._recorder = recorder
        self._keeper = keeper
        self._board = board
        self._rollouts = rollouts
        self._now = now
        self._up = up
        self._cut_at = recorder.index.last_time
        self._pulse = Pulse("app-server", recorder, board)
        self._connection: Connection | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._stopping = False
        self._was_up = False
        self._no_room = False

    async def run(self) -> None:
        """One app-server after the other."""
        backoff = Backoff()
        while True:
            await asyncio.sleep(backoff.delay)
            why = await self._one_app_server() if not self._stopping else ""
            if self._stopping:
                await for_ever()
            backoff = backoff.died(self._app.lived)
            if not (self._was_up or self._no_room) and backoff.failures >= _TRIES:
                raise Fatal(f"codex does not come up: {why}")
            self._recorder.close_open(closing.requests(self._recorder.index))
            self._recorder.say("restarted", part="app-server", why=why)

    async def tail_rollouts(self) -> None:
        """Look for hidden commands, as long as the log is up to date to judge them by."""
        if self._rollouts is None:
            await for_ever()
        while True:
            await self._keeper.ready.wait()
            self._judge_rollouts()
            await asyncio.sleep(_ROLLOUTS_EVERY)

    async def stop(self) -> list[str]:
        """Interrupt, clean, end the app-server, and write down its last words; what went wrong, in words."""
        self._stopping = True
        failed: list[str] = []
        if self._connection is not None and not self._connection.closed:
            failed = await stopping.in_band(self._connection, self._recorder.index, self._keeper.thread_id)
        failed.append(f"app-server: {await self._app.stop()}")
        await self._drain()
        self._judge_rollouts()
        self._judge_rollouts()
        self._recorder.close_open(closing.requests(self._recorder.index))
        self._recorder.close_open(closing.turns(self._recorder.index))
        return failed

    async def _one_app_server(self) -> str:
        """From the start of one app-server to its end; why it ended."""
        self._no_room = False
        try:
            await self._app.start()
            self._board.update(app_server_pid=self._app.pid, app_server_started_at=self._board.time())
            await first_of(self._until_dead(), self._connections(), self._app.guard())
        except Imitated as exc:
            if not self._stopping:
                self._recorder.say("tampered", what=exc.what, pid=exc.pid)
            return exc.message
        except (PartFailed, ConnectionLost, TimedOut, CodexRefused, OSError) as exc:
            self._no_room = isinstance(exc, CannotStart)
            return str(exc)
        finally:
            self._keeper.ready.clear()
            if not self._stopping:
                await self._app.end()
                self._board.update(app_server_pid=0, phase=Phase.STARTING)
        return "ended"

    async def _until_dead(self) -> None:
        """Its death, and then what it had said before."""
        why = await self._app.wait()
        await self._drain()
        raise PartFailed(why)

    async def _connections(self) -> None:
        """One connection after the other, while the app-server lives."""
        failures = 0
        while failures < _RECONNECTS:
            failures = 0 if await self._one_connection() else failures + 1
            if not self._app.pid:
                await for_ever()
        raise PartFailed("the app-server does not keep a connection")

    async def _one_connection(self) -> bool:
        """Record one connection; whether it had come to recording."""
        self._drained.clear()
        try:
            self._connection = await self._app.connect(NAME)
            try:
                return await self._converse(self._connection)
            finally:
                await self._connection.close()
        except (ConnectionLost, TimedOut) as exc:
            self._recorder.say("disconnected", why=exc.message)
            return False
        except _NOT_UNDERSTOOD as exc:
            why = f"codex said what cannot be understood: {type(exc).__name__}: {exc}"
            self._recorder.say("gap", why=why, lost=["the rest of this connection"])
            return False
        finally:
            self._keeper.ready.clear()
            self._cut_at = self._recorder.index.last_time
            self._drained.set()

    async def _converse(self, connection: Connection) -> bool:
        self._board.update(codex_version=_version(connection))
        conversation = Conversation(connection, self._recorder, self._keeper, self._rollouts)
        await conversation.begin(self._cut_at, self._now)
        self._was_up = True
        self._keeper.ready.set()
        self._up()
        await first_of(conversation.record(), self._pulse.ask(connection))
        self._recorder.say("disconnected", why=connection.why_closed)
        return True

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_TO_DRAIN):
                await self._drained.wait()
        except TimeoutError:
            self._recorder.say("gap", why="codex's last words took too long", lost=["its last messages"])

    def _judge_rollouts(self) -> None:
        if self._rollouts is not None:
            found = self._rollouts.step(self._recorder.index)
            self._recorder.reveal(found.hidden)
            for gap in found.gaps:
                self._recorder.say("gap", **gap)


def _version(connection: Connection) -> str:
    """`orchestrator/0.163.0 (Debian …)` → `0.163.0`."""
    agent = str(connection.server.get("userAgent", ""))
    return agent.partition("/")[2].partition(" ")[0]
