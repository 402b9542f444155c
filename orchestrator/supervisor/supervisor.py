"""The supervisor's whole life in the container: codex's part, the screen's, the probe and the signals."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace

from orchestrator.core import places
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.policies import Sandbox
from orchestrator.core.session import Desired
from orchestrator.supervisor import walls
from orchestrator.supervisor.app_server import AppServer
from orchestrator.supervisor.codex_life import CodexLife
from orchestrator.supervisor.ending import Ending, Fatal, at_signal
from orchestrator.supervisor.first_of import first_of, for_ever
from orchestrator.supervisor.order import BadOrder, Order, parse
from orchestrator.supervisor.private import PrivateFolder
from orchestrator.supervisor.processes import Launcher
from orchestrator.supervisor.recorder import Recorder
from orchestrator.supervisor.rollout_tail import Rollouts
from orchestrator.supervisor.screen_life import ScreenLife
from orchestrator.supervisor.status import Phase, StatusBoard
from orchestrator.supervisor.thread_keeper import ThreadKeeper
from orchestrator.supervisor.tmux_server import TmuxServer


class Supervisor:
    """Lives once, by `run`."""

    def __init__(
        self,
        *,
        order: Order,
        folder: PrivateFolder,
        launcher: Launcher,
        recorder: Recorder,
        board: StatusBoard,
        now: Callable[[], int],
    ) -> None:
        self._order = order
        self._folder = folder
        self._launcher = launcher
        self._recorder = recorder
        self._board = board
        self._keeper = ThreadKeeper(order, folder, recorder, board)
        rollouts = None if order.sandbox is Sandbox.FULL_ACCESS else Rollouts(launcher.agent, order.cwd)
        self._codex = CodexLife(
            app=AppServer(launcher),
            recorder=recorder,
            keeper=self._keeper,
            board=board,
            rollouts=rollouts,
            now=now,
            up=self._announce,
        )
        self._tmux = TmuxServer(launcher, order.session_id, self._tui_command)
        self._screen = ScreenLife(self._tmux, self._keeper, recorder, board, self._announce)
        self._told_to_end = asyncio.Event()
        self._ready = asyncio.Event()
        self._ending: Ending | None = None

    async def run(self) -> Ending:
        """Until a signal or a fatal failure; all parts are gone then."""
        self._keeper.begin()
        boot = self._recorder.index.boots + 1
        self._recorder.say("boot", boot=boot, desired=self._order.desired.value)
        self._board.update(boot=boot, thread_id=self._keeper.thread_id)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_end.set)
        try:
            await first_of(
                self._codex.run(),
                self._codex.tail_rollouts(),
                self._screen.run(),
                self._probe_walls(),
                self._end_when_told(),
            )
        except Fatal as exc:
            self._ending = exc.ending
        return self._ending or Fatal("nothing is left to do").ending

    async def _end_when_told(self) -> None:
        await self._told_to_end.wait()
        ending = at_signal(self._desired())
        self._board.update(phase=Phase.STOPPING, reason=ending.why)
        self._recorder.say("stopping", why=ending.why)
        details = await self._codex.stop()
        await self._tmux.end()
        self._ending = replace(ending, details=tuple(details))

    async def _probe_walls(self) -> None:
        """Once, after the first `ready`, so that nobody waits for it."""
        await self._ready.wait()
        try:
            found = await walls.probe(self._launcher, self._order.sandbox)
        except OrchestratorError as exc:
            found = {"container": {}, "codex_sandbox": "broken", "detail": f"the probe failed: {exc.message}"}
        self._recorder.say("walls", **found)
        self._board.update(walls=found)
        await for_ever()

    def _announce(self) -> None:
        """Both halves call this when they are up; the second one makes it ready."""
        if not (self._keeper.ready.is_set() and self._screen.is_up) or self._told_to_end.is_set():
            return
        self._recorder.say("ready", threadId=self._keeper.thread_id)
        self._board.update(phase=Phase.READY)
        self._ready.set()

    def _desired(self) -> Desired | None:
        """What is wanted now; None where the order cannot be read."""
        try:
            return parse(self._folder.read_json(places.SESSION_FILE) or {}).desired
        except (BadOrder, ValueError, OSError):
            return None

    def _tui_command(self) -> str:
        remote = f"unix://{places.APP_SOCKET}"
        return f"exec codex resume --remote {remote} -C {self._order.cwd} {self._keeper.thread_id}"
