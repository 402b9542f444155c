"""The screen's part of the supervisor's life: tmux, the TUI and the pane's pipe, each brought back alone."""

import asyncio
from collections.abc import Callable

from orchestrator.core.errors import TimedOut
from orchestrator.supervisor.backoff import Backoff
from orchestrator.supervisor.ending import Fatal
from orchestrator.supervisor.processes import CannotStart, PartFailed
from orchestrator.supervisor.pulse import Pulse
from orchestrator.supervisor.recorder import Recorder
from orchestrator.supervisor.status import StatusBoard
from orchestrator.supervisor.thread_keeper import ThreadKeeper
from orchestrator.supervisor.tmux_server import Health, Look, TmuxServer

_TRIES = 5


class ScreenLife:
    """Runs until cancelled, or until `Fatal`. Nothing is started while codex has no thread to show."""

    def __init__(
        self,
        tmux: TmuxServer,
        keeper: ThreadKeeper,
        recorder: Recorder,
        board: StatusBoard,
        up: Callable[[], None],
    ) -> None:
        self._tmux = tmux
        self._keeper = keeper
        self._recorder = recorder
        self._board = board
        self._up = up
        self._pulse = Pulse("tmux", recorder, board)
        self._tui = Backoff()
        self._tui_since = 0.0
        self.is_up = False
        self._no_room = False

    async def run(self) -> None:
        """One tmux server after the other."""
        backoff = Backoff()
        while True:
            await asyncio.sleep(backoff.delay)
            await self._keeper.ready.wait()
            why = await self._one_server()
            backoff = backoff.died(self._tmux.lived)
            if not (self.is_up or self._no_room) and backoff.failures >= _TRIES:
                raise Fatal(f"tmux does not come up: {why}")
            self._recorder.say("restarted", part="tmux", why=why)

    async def _one_server(self) -> str:
        """From the start of one server to its end; why it ended."""
        self._no_room = False
        try:
            self._board.update(tmux=await self._tmux.start())
            self._tui_started()
            self._pulse.beat(answered=True)
            self.is_up = True
            self._up()
            await self._tmux.watch(self._mend)
        except (PartFailed, TimedOut) as exc:
            self._no_room = isinstance(exc, CannotStart)
            return exc.message
        return "ended"

    async def _mend(self, look: Look) -> None:
        if look.health is Health.UNSEEN:
            return
        self._pulse.beat(answered=look.health is not Health.SILENT)
        if look.health in {Health.SOUND, Health.SILENT}:
            return
        if look.health is Health.PIPE_GONE:
            if await self._tmux.pipe():
                self._recorder.say("restarted", part="pipe", why=look.detail)
            return
        self._tui = self._tui.died(asyncio.get_running_loop().time() - self._tui_since)
        await asyncio.sleep(self._tui.delay)
        await self._keeper.ready.wait()
        self._recorder.say("restarted", part="tui", why=look.detail)
        await self._tmux.respawn()
        self._tui_started()

    def _tui_started(self) -> None:
        self._tui_since = asyncio.get_running_loop().time()
        self._board.update(tui_started_at=self._board.time())
