"""A session in its world: the real store, registry and folders; only codex and its screen are twins.

After each test the store has no hole, the transcript is the store's, and no message reached codex twice.
"""

import itertools
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from orchestrator.codex.recording import decode
from orchestrator.core.envelope import Draft, Envelope
from orchestrator.core.errors import (
    StoreUnwritable,
)
from orchestrator.core.events import Event
from orchestrator.core.places import Home
from orchestrator.core.ports import Checkpoint
from orchestrator.core.receipt import Delivery, Mode, Receipt, Route
from orchestrator.core.session import Session
from orchestrator.daemon.clock import SystemClock
from orchestrator.sessions import attach, deliver
from orchestrator.sessions.attach import Attachment
from orchestrator.sessions.world import Describe, Rules, World
from orchestrator.store.database import SqliteEventStore
from orchestrator.store.folders import FileFolders
from orchestrator.store.recording import FileRecording
from orchestrator.store.registry import JsonRegistry
from orchestrator.store.transcript import NdjsonTranscript
from orchestrator.store.wakeups import Wakeups
from orchestrator.testing.codex import MemoryCodex
from orchestrator.testing.engine import MemoryEngine, MemoryImages
from orchestrator.testing.examples import SESSION_ID, a_session
from orchestrator.testing.files import InMemoryWorkspaces
from orchestrator.testing.terminal import MemoryTerminal
from orchestrator.testing.waiting import until

THREAD = "thread-1"


Append = Callable[[], Awaitable[list[Envelope]]]


class UnluckyStore(SqliteEventStore):
    """The real store; `mishap` may stand between it and the next append that it is made for."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.mishap: Callable[[dict[str, Any], Append], Awaitable[list[Envelope]] | None] | None = None

    async def append(
        self,
        session: Session,
        drafts: Sequence[Draft],
        *,
        checkpoint: Checkpoint | None = None,
        after: Checkpoint | None = None,
        receipts: Sequence[Receipt] = (),
    ) -> list[Envelope]:
        async def really() -> list[Envelope]:
            return await SqliteEventStore.append(
                self, session, drafts, checkpoint=checkpoint, after=after, receipts=receipts
            )

        told = {"checkpoint": checkpoint, "states": [r.state for r in receipts]}
        instead = self.mishap(told, really) if self.mishap else None
        return await (instead or really())


class Stage:
    """A session in its world; its codex writes the recording, unless `hold` keeps the lines back."""

    def __init__(self, home: Path) -> None:
        self.home = Home(PurePosixPath(home))
        self.session = a_session(thread_id=THREAD)
        self.folder = self.home.folder(self.session.role, self.session.session_id)
        self.recording = Path(self.folder.recording)
        self.transcript = Path(self.folder.transcript)
        self.store = UnluckyStore(Path(self.home.database))
        self.codex = MemoryCodex(self._record, manual=True)
        self.terminal = MemoryTerminal(lambda text: self.codex.typed(THREAD, text))
        self.took: Counter[str] = Counter()
        self.attachments: list[Attachment] = []
        self._held: list[bytes] | None = None
        self._numbers = itertools.count(1)
        self.world = self._world(Rules(settle_seconds=10.0, screen_settles_seconds=0.0))

    def _world(self, rules: Rules) -> World:
        return World(
            home=self.home,
            rules=rules,
            clock=SystemClock(),
            engine=MemoryEngine(),
            images=MemoryImages(),
            registry=JsonRegistry(self.home),
            store=self.store,
            folders=FileFolders(self.home),
            workspaces=InMemoryWorkspaces(),
            terminal=lambda _: self.terminal,
            codex=lambda _: self.codex,
            recording=lambda _: FileRecording(self.recording),
            transcript=lambda _: NdjsonTranscript(self.transcript),
            changes=lambda folder: Wakeups().changes(Path(folder)),
            dice=secrets.token_bytes,
            message_id=lambda: f"m{next(self._numbers)}",
            config=lambda _: "",
            plan=lambda _: pytest.fail("nothing is created here"),
            describe=Describe(
                create=lambda _: [], record=lambda _: None, paste=lambda *_: [], start_turn=lambda *_: []
            ),
        )

    def follow_rules(self, **changes: Any) -> None:
        self.world = replace(self.world, rules=replace(self.world.rules, **changes))

    def hold(self) -> None:
        """Let the recorder lag behind."""
        self._held = []

    def release(self) -> None:
        held, self._held = self._held or [], None
        for line in held:
            self._write(line)

    def _record(self, data: bytes) -> None:
        line = decode(data)
        if line.method == "item/started" and line.params["item"]["type"] == "userMessage":
            self.took[line.params["item"]["content"][0]["text"]] += 1
        if self._held is None:
            self._write(data)
        else:
            self._held.append(data)

    def _write(self, data: bytes) -> None:
        with self.recording.open("ab") as file:
            file.write(data)

    async def attach(self) -> Attachment:
        attachment = Attachment(self.world, self.world.registry.get(self.session.session_id))
        self.attachments.append(attachment)
        await attachment.open()
        return attachment

    async def events(self) -> list[Envelope]:
        return list((await self.store.read(SESSION_ID, 0, 1_000_000)).envelopes)

    async def said(self, event: Event) -> list[str]:
        return [e.draft.text for e in await self.events() if e.draft.type == event]

    async def states(self) -> dict[str, Delivery]:
        return {r.text: r.state for r in await self.store.receipts(SESSION_ID)}

    def transcript_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.transcript.read_bytes().splitlines()]

    async def transcript_is_whole(self) -> bool:
        return self.transcript_lines() == [e.to_json() for e in await self.events()]


async def send(
    attachment: Attachment, text: str, mode: Mode = Mode.QUEUE, wish: Route = Route.APP_SERVER
) -> Receipt:
    return await attachment.deliverer.accept(text, mode=mode, wish=wish, sender="lead", tags=(), system=False)


async def reaches(attachment: Attachment, receipt: Receipt, state: Delivery) -> Receipt:
    """The receipt as soon as it is in that state."""

    async def there() -> bool:
        return (await attachment.journal.receipt(receipt.message_id)).state is state

    await until(there)
    return await attachment.journal.receipt(receipt.message_id)


def refusing(times: int, wanted: Callable[[dict[str, Any]], bool]) -> Any:
    """The next so many appends of that kind find a full disk."""
    left = itertools.count(times, -1)

    async def refused() -> list[Envelope]:
        raise StoreUnwritable("the disk is full")

    return lambda told, _: refused() if wanted(told) and next(left) > 0 else None


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    for module, name in ((attach, "SHORTEST_PAUSE"), (deliver, "POSTPONED"), (deliver, "LOOK_AGAIN")):
        monkeypatch.setattr(module, name, 0.02)
    stage = Stage(tmp_path)
    stage.world.registry.put(stage.session)
    stage.world.folders.prepare(stage.session, config="", secrets={})
    stage.codex.open_thread(THREAD)
    yield stage
    stage.store.mishap = None
    for attachment in stage.attachments:
        await attachment.close()
    await stage.attach()  # the next daemon makes up for whatever is missing
    await stage.attachments[-1].close()
    assert await stage.store.check() == []
    assert await stage.transcript_is_whole()
    assert not [text for text, times in stage.took.items() if times > 1]
    await stage.store.close()


def drained(held: Attachment) -> Awaitable[bool]:
    return held.drained(0.5)
