"""What the use cases need of the world, as small protocols; every one has a twin in `testing`.

All calls have a time limit of the adapter's and raise the errors of `core.errors` only.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from orchestrator.core.envelope import Draft, Envelope
from orchestrator.core.receipt import Receipt
from orchestrator.core.session import Session

Progress = Callable[[str], None]


class Clock(Protocol):
    """Time and patience."""

    def now(self) -> int:
        """Microseconds since the epoch."""

    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class ByteStream(Protocol):
    """The two ends of a program that was started inside a container and is held open."""

    async def read(self) -> bytes:
        """The next bytes of its stdout; empty at its end."""

    async def write(self, data: bytes) -> None: ...
    async def close(self) -> None: ...


class ContainerState(StrEnum):
    """The engine's word for a container, as `inspect` gives it."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of this project, as the engine sees it. Times are RFC 3339."""

    container_id: str
    name: str
    state: ContainerState
    started_at: str = ""
    exit_code: int = 0
    restarts: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a program inside a container left behind."""

    status: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """The engine's version and what it can do for us."""

    version: str
    api_version: str
    rootless: bool
    cgroup_version: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A bind mount; `source` is a path on the engine's host."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPlan:
    """Everything that a container is created from; a pure function of a session makes it."""

    name: str
    image: str
    labels: Mapping[str, str]
    mounts: tuple[Mount, ...]
    agent_uid: int
    memory: int
    cpus: float
    pids: int
    network: str
    #: Codex's own sandbox needs user namespaces; the engine's default profile forbids them.
    user_namespaces: bool


class Engine(Protocol):
    """The container engine. Containers are named by name or id; a missing one raises `ContainerGone`."""

    async def facts(self) -> EngineFacts: ...
    async def containers(self, project_id: str) -> list[Container]: ...
    async def inspect(self, name: str) -> Container: ...
    async def create(self, plan: ContainerPlan) -> str:
        """The new container's id. Makes the plan's network first where it is missing."""

    async def start(self, name: str) -> None: ...
    async def stop(self, name: str, grace: int) -> None: ...
    async def unpause(self, name: str) -> None: ...
    async def remove(self, name: str) -> None:
        """Remove it, running or not; a container that is gone already is no error."""

    async def forget_project(self, project_id: str) -> None:
        """Remove the project's network; `EngineRefused` while something is still attached to it."""

    async def run(self, name: str, argv: Sequence[str], *, stdin: bytes = b"") -> Finished:
        """Run a program as the agent, to its end."""

    async def open(self, name: str, argv: Sequence[str]) -> ByteStream:
        """Start a program as the agent and hold it."""


class Images(Protocol):
    """The agent image."""

    async def ensure(self, image: str, agent_uid: int, progress: Progress) -> str:
        """An image that exists now; an empty `image` means this version's own, built if missing."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a recording has been read: the next byte, the file it was in, and its last line number.

    `time` is when that last line was written, as the line itself says; a recording does not fill it in.
    """

    offset: int = 0
    inode: int = 0
    line: int = 0
    time: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Whole lines of a recording and the checkpoint behind the last of them."""

    lines: tuple[bytes, ...]
    checkpoint: Checkpoint


class Recording(Protocol):
    """The recorder's log of one session, read from outside."""

    async def read(self, after: Checkpoint, limit: int) -> Chunk:
        """At most `limit` whole lines; none where there is nothing new (a torn last line does not count)."""

    def changes(self) -> AsyncGenerator[None, None]:
        """A wake-up for each change of the file, and one at the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Envelopes in order. `oldest_seq` is the first one still kept, `next_seq` the cursor to go on with."""

    envelopes: tuple[Envelope, ...]
    next_seq: int
    oldest_seq: int


class EventStore(Protocol):
    """Events, checkpoints and the outbox: one file, one writer."""

    async def append(
        self,
        session: Session,
        drafts: Sequence[Draft],
        *,
        checkpoint: Checkpoint | None = None,
        after: Checkpoint | None = None,
        receipts: Sequence[Receipt] = (),
    ) -> list[Envelope]:
        """Give each draft its seq and commit all of it at once, with the checkpoint and the receipts.

        Where a checkpoint is given and the stored one is not `after` (None: none is stored yet), somebody
        else has read on from there, and nothing is stored.

        Raises:
            StoreUnwritable: nothing was stored.
            InvalidInput: nothing was stored, and these values never can be.
            TimedOut: whether it was stored will be seen by the next append.
        """

    async def read(self, session_id: str, since_seq: int, limit: int) -> Page: ...
    async def latest(self, session_id: str, limit: int) -> Page:
        """The last `limit` envelopes, oldest first."""

    async def checkpoint(self, session_id: str) -> Checkpoint: ...
    async def receipt(self, message_id: str) -> Receipt: ...
    async def receipts(self, session_id: str, *, open_only: bool = False) -> list[Receipt]:
        """In the order of their positions."""

    async def forget(self, session_id: str) -> None:
        """Drop everything about a session."""

    async def check(self) -> list[str]:
        """What is wrong with the file; empty when nothing is."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRecord:
    """A registry file that cannot be read; it is left where it is."""

    path: str
    reason: str


class Registry(Protocol):
    """The session registry: what exists. Reads never wait for anything but the file system."""

    def project_id(self) -> str: ...
    def sessions(self) -> list[Session]:
        """Every readable record, oldest first."""

    def broken(self) -> list[BrokenRecord]: ...
    def get(self, session_id: str) -> Session: ...
    def put(self, session: Session) -> None:
        """Replace the record atomically."""

    def claim(self, session: Session, *, another: bool = False) -> None:
        """Put a new record, or raise `RoleBusy` where its role has a live session; `another` allows two."""

    def set_aside(self, path: str) -> str:
        """Rename a broken record so that another can take its place; the new path."""

    def remove(self, session_id: str) -> None: ...


class Folders(Protocol):
    """The session folders on the host: made, read and removed with the right owner."""

    def prepare(self, session: Session, *, config: str, secrets: Mapping[str, str]) -> None:
        """Make the folder with all its parts; `secrets` maps a name to the file it is copied from."""

    def write_order(self, session: Session) -> None:
        """Write `session.json`, what the supervisor is to run, atomically."""

    def status(self, session: Session) -> dict[str, Any]:
        """What the supervisor last wrote into `status.json`; empty where it has not."""

    def thread_id(self, session: Session) -> str: ...
    def branch(self, session: Session) -> str:
        """The branch of the workspace; empty outside git."""

    def retire(self, session: Session) -> None:
        """Remove what only a running session needs; log, transcript and workspace stay."""

    def remove(self, session: Session) -> None: ...


class Transcript(Protocol):
    """`transcript.ndjson` of one session: a projection of the stored events, each once."""

    def last_seq(self) -> int:
        """The last seq in the file, after a torn last line was cut off; 0 when it is empty."""

    def append(self, envelopes: Sequence[Envelope]) -> None:
        """Write those that follow `last_seq`, in order; the others are there already."""


class Workspaces(Protocol):
    """The folders that agents work in. All paths are on the engine's host."""

    def check(self, path: str, agent_uid: int) -> list[str]:
        """Warnings about a workspace that is given; `InvalidInput` where it cannot be one."""

    def clone(self, origin: str, target: str, branch: str, agent_uid: int) -> None:
        """Make the agent's own clone of a repository (or an empty one) on a branch of its own."""
