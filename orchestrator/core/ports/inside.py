"""What is reached inside one container: codex's screen and its app-server."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """What tmux knows of codex's screen.

    `server` is `pid start_time`: it tells a new tmux server from an old one; `process` is the pid of what
    runs in the pane. `touched` holds when a person, able to type, was attached since that process started.
    """

    alive: bool
    piped: bool
    server: str
    people: int
    process: str = ""
    touched: bool = False


class Terminal(Protocol):
    """Codex's screen inside one container."""

    async def pane(self) -> Pane: ...
    async def paste(self, text: str) -> None:
        """Put the text into the composer, bracketed, and press Enter."""

    async def press(self, *keys: str) -> None:
        """Press keys by their tmux names."""

    async def capture(self, lines: int | None) -> str:
        """The last lines of the screen with its scroll-back; None means only what is visible now."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadStatus:
    """Codex's own word about a thread: `idle`, `active`, `systemError` or `notLoaded`."""

    kind: str
    flags: tuple[str, ...] = ()
    turn_id: str = ""


class Codex(Protocol):
    """The app-server inside one container, for commands; its notifications come by the recording."""

    async def status(self, thread_id: str) -> ThreadStatus: ...
    async def start_turn(self, thread_id: str, text: str, message_id: str) -> str:
        """The id of the turn that took the message."""

    async def steer(self, thread_id: str, turn_id: str, text: str, message_id: str) -> str: ...
    async def interrupt(self, thread_id: str, turn_id: str) -> None: ...
    async def clean_terminals(self, thread_id: str) -> None: ...
    async def close(self) -> None: ...
