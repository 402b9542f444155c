"""The in-memory twin of `core.ports.Terminal`: a screen without tmux.

What is pasted becomes a line of the screen and, where the twin is given a codex twin, a user message of
its thread, as codex reports what was typed.
"""

from collections.abc import Callable
from dataclasses import replace

from orchestrator.core.errors import InvalidInput, OrchestratorError, RouteRefused, SessionNotRunning
from orchestrator.core.ports import Pane
from orchestrator.terminal.commands import check_typeable


class MemoryTerminal:
    """`typed` hears each submitted text; `next_failure` is raised once by the next call that types."""

    def __init__(self, typed: Callable[[str], None] | None = None, *, height: int = 50) -> None:
        self.now = Pane(alive=True, piped=True, server="1 1", people=0, process="1")
        self.pasted: list[str] = []
        self.pressed: list[str] = []
        self.next_failure: OrchestratorError | None = None
        self.closed = False
        self._typed = typed
        self._height = height
        self._rows: list[str] = []

    def show(self, text: str) -> None:
        """Print something on the screen."""
        self._rows += text.split("\n")

    def end(self) -> None:
        """Let the program in the pane end; its last screen stays."""
        self.now = replace(self.now, alive=False)

    def vanish(self) -> None:
        """Let the whole screen be gone, as when its server was killed."""
        self.now = Pane(alive=False, piped=False, server="", people=0)

    async def pane(self) -> Pane:
        return self.now

    async def paste(self, text: str) -> None:
        check_typeable(text)
        self._type()
        self.pasted.append(text)
        self.show(text)
        if self._typed is not None:
            self._typed(text)

    async def press(self, *keys: str) -> None:
        if not keys:
            raise InvalidInput("there is no key to press")
        for key in keys:
            check_typeable(key)
        self._type()
        self.pressed += keys

    async def capture(self, lines: int | None) -> str:
        if not self.now.server:
            raise SessionNotRunning("there is no screen")
        count = self._height if lines is None else lines
        return "\n".join(self._rows[-count:] if count else [])

    async def close(self) -> None:
        self.closed = True

    def _type(self) -> None:
        failure, self.next_failure = self.next_failure, None
        if failure is not None:
            raise failure
        if not self.now.alive:
            raise RouteRefused("codex is not on its screen; nothing was typed")
