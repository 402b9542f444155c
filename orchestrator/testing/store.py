"""The in-memory twins of what keeps things: events, registry, recording, folders, transcript, workspaces.

They follow the ports' rules and keep nothing. `next_failure` is raised once by the next call that writes.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.core.activity import State, advance
from orchestrator.core.envelope import Draft, Envelope
from orchestrator.core.errors import (
    InvalidInput,
    OrchestratorError,
    ReceiptNotFound,
    RecordCorrupt,
    RoleBusy,
    SessionNotFound,
    StoreUnwritable,
)
from orchestrator.core.events import Event
from orchestrator.core.ports import BrokenRecord, Checkpoint, Chunk, Page, Standing
from orchestrator.core.receipt import Receipt
from orchestrator.core.session import Session


class _Failing:
    """Fails once where it is told to."""

    def __init__(self) -> None:
        self.next_failure: OrchestratorError | None = None

    def _fail(self) -> None:
        failure, self.next_failure = self.next_failure, None
        if failure is not None:
            raise failure


class InMemoryEventStore(_Failing):
    """Events, checkpoints and receipts in dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self._events: dict[str, list[Envelope]] = {}
        self._checkpoints: dict[str, Checkpoint] = {}
        self._receipts: dict[str, Receipt] = {}
        self._closed = False

    async def append(
        self,
        session: Session,
        drafts: Sequence[Draft],
        *,
        checkpoint: Checkpoint | None = None,
        after: Checkpoint | None = None,
        receipts: Sequence[Receipt] = (),
    ) -> list[Envelope]:
        self._writable()
        name = session.session_id
        if checkpoint is not None:
            if self._checkpoints.get(name, Checkpoint()) != (after or Checkpoint()):
                return []
            self._checkpoints[name] = checkpoint
        self._receipts |= {receipt.message_id: receipt for receipt in receipts}
        kept = self._events.setdefault(name, [])
        envelopes = [
            Envelope(seq=seq, session_id=name, role=session.role, branch=session.branch, draft=draft)
            for seq, draft in enumerate(drafts, len(kept) + 1)
        ]
        kept += envelopes
        return envelopes

    async def read(self, session_id: str, since_seq: int, limit: int) -> Page:
        kept = self._kept(session_id)
        first = max(since_seq, 0)
        return _page(kept, kept[first : first + max(limit, 0)], first)

    async def latest(self, session_id: str, limit: int) -> Page:
        kept = self._kept(session_id)
        return _page(kept, kept[-limit:] if limit > 0 else [], 0)

    async def turn(self, session_id: str, turn_id: str) -> list[Envelope]:
        mine = [e for e in self._kept(session_id) if e.draft.turn_id == turn_id]
        return [e for e in mine if e.draft.type != Event.COMMAND_OUTPUT]

    async def standing(self, session_id: str) -> Standing:
        state, kept = State(), self._kept(session_id)
        for envelope in kept:
            state = advance(state, envelope.draft)
        return Standing(seq=len(kept), state=state)

    async def checkpoint(self, session_id: str) -> Checkpoint:
        self._kept(session_id)
        return self._checkpoints.get(session_id, Checkpoint())

    async def receipt(self, message_id: str) -> Receipt:
        if message_id not in self._receipts:
            raise ReceiptNotFound(f"no message has the id {message_id!r}")
        return self._receipts[message_id]

    async def receipts(self, session_id: str, *, open_only: bool = False) -> list[Receipt]:
        mine = [r for r in self._receipts.values() if r.session_id == session_id]
        wanted = [r for r in mine if not (open_only and r.state.final)]
        return sorted(wanted, key=lambda r: (r.position, r.message_id))

    async def forget(self, session_id: str) -> None:
        self._writable()
        self._events.pop(session_id, None)
        self._checkpoints.pop(session_id, None)
        self._receipts = {i: r for i, r in self._receipts.items() if r.session_id != session_id}

    async def check(self) -> list[str]:
        return []

    async def close(self) -> None:
        self._closed = True

    def _kept(self, session_id: str) -> list[Envelope]:
        if self._closed:
            raise StoreUnwritable("the event store is closed")
        return self._events.get(session_id, [])

    def _writable(self) -> None:
        self._kept("")
        self._fail()


def _page(kept: list[Envelope], found: list[Envelope], since: int) -> Page:
    return Page(
        envelopes=tuple(found),
        next_seq=found[-1].seq if found else since,
        oldest_seq=kept[0].seq if kept else 0,
    )


class InMemoryRegistry(_Failing):
    """Records in a dictionary; `spoil` makes one unreadable."""

    def __init__(self, project_id: str = "0badcafe") -> None:
        super().__init__()
        self._project_id = project_id
        self._records: dict[str, Session] = {}
        self._broken: dict[str, BrokenRecord] = {}

    def spoil(self, session_id: str) -> str:
        """Let its file be unreadable from now on; the path of the file."""
        path = f"{session_id}.json"
        self._broken[path] = BrokenRecord(path=path, reason="it is not a JSON object")
        return path

    def project_id(self) -> str:
        return self._project_id

    def sessions(self) -> list[Session]:
        whole = [s for s in self._records.values() if f"{s.session_id}.json" not in self._broken]
        return sorted(whole, key=lambda s: (s.created_at, s.session_id))

    def broken(self) -> list[BrokenRecord]:
        return [self._broken[path] for path in sorted(self._broken)]

    def get(self, session_id: str) -> Session:
        if f"{session_id}.json" in self._broken:
            raise RecordCorrupt(f"{session_id}.json: it is not a JSON object")
        if session_id not in self._records:
            raise SessionNotFound(f"there is no session {session_id!r}")
        return self._records[session_id]

    def put(self, session: Session) -> None:
        self._fail()
        self._broken.pop(f"{session.session_id}.json", None)
        self._records[session.session_id] = session

    def claim(self, session: Session, *, another: bool = False) -> None:
        live = [s for s in self.sessions() if s.role == session.role and s.live]
        if live and not another:
            raise RoleBusy(f"{session.role} has a live session, {live[0].session_id}")
        self.put(session)

    def set_aside(self, path: str) -> str:
        self._fail()
        del self._broken[path]
        self._records.pop(path.removesuffix(".json"), None)
        return f"{path}.corrupt-1"

    def remove(self, session_id: str) -> None:
        self._fail()
        self._records.pop(session_id, None)
        self._broken.pop(f"{session_id}.json", None)


class InMemoryRecording:
    """A recorder's log in memory: `write` is its recorder, `renew` and `cut` what may happen to it."""

    def __init__(self) -> None:
        self._data = b""
        self._inode = 1
        self._changes: set[asyncio.Event] = set()

    def write(self, data: bytes) -> None:
        self._data += data
        self._wake()

    def renew(self) -> None:
        """Let the file be another, empty one."""
        self._data, self._inode = b"", self._inode + 1
        self._wake()

    def cut(self, size: int) -> None:
        """Let only the first bytes be left."""
        self._data = self._data[:size]
        self._wake()

    async def read(self, after: Checkpoint, limit: int) -> Chunk:
        start = after if self._continues(after) else Checkpoint(inode=self._inode)
        lines = tuple(self._data[start.offset :].split(b"\n")[:-1][: max(limit, 0)])
        if not lines:
            return Chunk(lines=(), checkpoint=after)
        offset = start.offset + sum(len(line) + 1 for line in lines)
        reached = Checkpoint(offset=offset, inode=self._inode, line=start.line + len(lines))
        return Chunk(lines=lines, checkpoint=reached)

    async def changes(self) -> AsyncGenerator[None, None]:
        changed = asyncio.Event()
        self._changes.add(changed)
        try:
            while True:
                changed.clear()
                yield None
                await changed.wait()
        finally:
            self._changes.discard(changed)

    def _continues(self, after: Checkpoint) -> bool:
        if after.inode != self._inode:
            return False
        return after.offset == 0 or self._data[after.offset - 1 : after.offset] == b"\n"

    def _wake(self) -> None:
        for changed in self._changes:
            changed.set()


@dataclass(slots=True)
class MemoryFolder:
    """What a session's folder holds."""

    config: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    order: Session | None = None
    status: dict[str, Any] = field(default_factory=dict)
    thread_id: str = ""
    retired: bool = False


class InMemoryFolders(_Failing):
    """`folder` is what a supervisor or an agent would write to; `files` are those that secrets come from."""

    def __init__(self, files: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.files = dict(files or {})
        self._folders: dict[str, MemoryFolder] = {}

    def folder(self, session: Session) -> MemoryFolder:
        return self._folders.setdefault(session.session_id, MemoryFolder())

    def prepare(self, session: Session, *, config: str, secrets: Mapping[str, str]) -> None:
        self._fail()
        for name, path in secrets.items():
            if path not in self.files:
                raise InvalidInput(f"the file of secret {name!r} cannot be read: {path}")
        folder = self.folder(session)
        folder.config, folder.retired = config, False
        folder.secrets = {name: self.files[path] for name, path in secrets.items()}

    def write_order(self, session: Session) -> None:
        self._fail()
        self.folder(session).order = session

    def order(self, session: Session) -> dict[str, Any]:
        order = self._look(session).order
        return {} if order is None else {"desired": order.desired.value, "thread_id": order.thread_id}

    def status(self, session: Session) -> dict[str, Any]:
        return dict(self._look(session).status)

    def thread_id(self, session: Session) -> str:
        return self._look(session).thread_id

    def retire(self, session: Session) -> None:
        self._fail()
        if session.session_id in self._folders:
            self._folders[session.session_id] = MemoryFolder(retired=True)

    def remove(self, session: Session) -> None:
        self._fail()
        self._folders.pop(session.session_id, None)

    def _look(self, session: Session) -> MemoryFolder:
        return self._folders.get(session.session_id, MemoryFolder())


class InMemoryTranscript(_Failing):
    """The envelopes that were written."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []
        self.aside: list[list[Envelope]] = []

    def last_seq(self) -> int:
        return self.envelopes[-1].seq if self.envelopes else 0

    def append(self, envelopes: Sequence[Envelope]) -> None:
        fresh = [e for e in envelopes if e.seq > self.last_seq()]
        if fresh:
            self._fail()
        self.envelopes += fresh

    def set_aside(self) -> str:
        self.aside.append(self.envelopes)
        self.envelopes = []
        return f"aside-{len(self.aside)}"


class InMemoryWorkspaces(_Failing):
    """`known` are the folders that exist, with the warnings about each; `clones` what was cloned to where."""

    def __init__(self, known: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__()
        self.known = {path: list(warnings) for path, warnings in (known or {}).items()}
        self.clones: dict[str, tuple[str, str]] = {}

    def check(self, path: str) -> None:
        if not path.startswith("/"):
            raise InvalidInput(f"the workspace {path!r} is not an absolute path")
        if path not in self.known:
            raise InvalidInput(f"the workspace {path} does not exist", hint="create it, or name another one")

    def check_for_agent(self, path: str, agent_uid: int, *, maps_users: bool) -> list[str]:  # noqa: ARG002 - the port's
        return list(self.known[path])

    def clone(self, origin: str, target: str, branch: str, agent_uid: int) -> None:  # noqa: ARG002 - the port's
        self._fail()
        if origin and origin not in self.known:
            raise InvalidInput(f"{origin} is no git repository")
        self.known[target] = []
        self.clones[target] = (origin, branch or "main")

    def branch(self, path: str) -> str:
        return self.clones[path][1] if path in self.clones else ""
