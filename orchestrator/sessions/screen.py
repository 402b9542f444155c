"""What codex's screen shows of its own past: how long the same tmux server and screen have stood there.

A screen that has just been drawn, or that has just reconnected, can swallow Enter.
"""

from dataclasses import dataclass

from orchestrator.core.ports import Clock, Pane, Terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The pane now, and for how many seconds it has been this one without a break."""

    pane: Pane
    steady_for: float


class Screen:
    """Remembers since when the pane has been the same; a new daemon begins to count anew."""

    def __init__(self, clock: Clock, terminal: Terminal) -> None:
        self._clock = clock
        self._terminal = terminal
        self._seen = ("", "")
        self._since = clock.monotonic()

    def disturb(self) -> None:
        """Codex's server or screen has just been restarted: count anew."""
        self._since = self._clock.monotonic()

    async def look(self) -> Seen:
        pane = await self._terminal.pane()
        now = self._clock.monotonic()
        if not pane.alive or (pane.server, pane.process) != self._seen:
            self._seen = (pane.server, pane.process) if pane.alive else ("", "")
            self._since = now
        return Seen(pane=pane, steady_for=now - self._since)
