"""Messages in and events out, on the real store, registry and folders; only codex and its screen are twins.

After each test the store has no hole, the transcript is the store's, and no message reached codex twice.
"""

import asyncio
import itertools
import json
import secrets
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from orchestrator.codex.recording import Line, Source, decode, encode
from orchestrator.core.activity import Activity
from orchestrator.core.envelope import Draft, Envelope
from orchestrator.core.errors import (
    CodexRefused,
    ConnectionLost,
    OrchestratorError,
    RateLimited,
    SessionBusy,
    StoreUnwritable,
    TimedOut,
)
from orchestrator.core.events import Event
from orchestrator.core.places import Home
from orchestrator.core.ports import Checkpoint, ThreadStatus
from orchestrator.core.receipt import Delivery, Mode, Receipt, Route
from orchestrator.core.session import Session
from orchestrator.daemon.clock import SystemClock
from orchestrator.sessions import attach, collect, deliver
from orchestrator.sessions.attach import Attachment
from orchestrator.sessions.world import Describe, Rules, World
from orchestrator.store.database import SqliteEventStore
from orchestrator.store.folders import FileFolders
from orchestrator.store.recording import FileRecording
from orchestrator.store.registry import JsonRegistry
from orchestrator.store.transcript import NdjsonTranscript
from orchestrator.testing.codex import MemoryCodex
from orchestrator.testing.engine import MemoryEngine, MemoryImages
from orchestrator.testing.examples import SESSION_ID, a_draft, a_session
from orchestrator.testing.store import InMemoryWorkspaces
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
            dice=secrets.token_bytes,
            message_id=lambda: f"m{next(self._numbers)}",
            config=lambda _policies, _url: "",
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


@pytest.mark.parametrize("wish", [Route.AUTO, Route.APP_SERVER])
async def test_forty_messages_of_eight_senders_arrive_once_and_in_order(stage: Stage, wish: Route) -> None:
    """In the order in which they were accepted, whoever sent them, typed or not."""
    codex = MemoryCodex(stage._record, first_line=4)
    codex._threads = stage.codex._threads
    stage.codex = codex
    held = await stage.attach()

    async def sender(number: int) -> list[Receipt]:
        return [await send(held, f"{number}.{n}", wish=wish) for n in range(5)]

    receipts = [r for mine in await asyncio.gather(*map(sender, range(8))) for r in mine]
    for receipt in receipts:
        await reaches(held, receipt, Delivery.COMMITTED)
    order = [r.text for r in sorted(receipts, key=lambda r: r.position)]
    assert len({r.position for r in receipts}) == 40
    assert await stage.said(Event.USER_MESSAGE) == order
    assert [r.text for r in await stage.store.receipts(SESSION_ID)] == order
    for sender_number in range(8):
        mine = [text for text in order if text.startswith(f"{sender_number}.")]
        assert mine == sorted(mine)
    routes = {r.route for r in await stage.store.receipts(SESSION_ID)}
    assert routes == {Route.TMUX if wish is Route.AUTO else Route.APP_SERVER}
    assert len(stage.terminal.pasted) == (40 if wish is Route.AUTO else 0)


async def test_a_message_waits_for_the_turn_to_end(stage: Stage) -> None:
    """Its sender hears at once that it is queued; then it begins a turn of its own."""
    held = await stage.attach()
    first = await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    second, third = await send(held, "two"), await send(held, "three")
    assert (await held.deliverer.settled(second.message_id)).state is Delivery.QUEUED
    stage.codex.complete(THREAD)
    second = await reaches(held, second, Delivery.COMMITTED)
    assert (await held.journal.receipt(third.message_id)).state is Delivery.QUEUED
    stage.codex.complete(THREAD)
    third = await reaches(held, third, Delivery.COMMITTED)
    assert len({first.turn_id, second.turn_id, third.turn_id}) == 3


async def test_a_message_never_joins_a_turn_that_was_not_recorded_yet(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person began it on the screen, and the recorder is behind: codex's own word counts."""
    held = await stage.attach()
    await held.journal.until(lambda: held.journal.state.activity is Activity.IDLE)
    status, asked = stage.codex.status, list[str]()

    async def counted(thread_id: str) -> ThreadStatus:
        asked.append(thread_id)
        return await status(thread_id)

    monkeypatch.setattr(stage.codex, "status", counted)
    stage.hold()
    stage.codex.typed(THREAD, "by hand")
    receipt = await send(held, "queued")
    await until(lambda: stage.took["queued"] > 0 or len(asked) > 5)
    assert stage.took == {"by hand": 1}
    stage.release()
    stage.codex.complete(THREAD)
    await reaches(held, receipt, Delivery.COMMITTED)
    said = [e.draft for e in await stage.events() if e.draft.type == Event.USER_MESSAGE]
    turns = {draft.text: draft.turn_id for draft in said}
    assert turns["by hand"] != turns["queued"]


async def test_steering_goes_into_the_running_turn(stage: Stage) -> None:
    """Before what is queued; without a turn it begins one."""
    held = await stage.attach()
    first = await reaches(held, await send(held, "one", Mode.STEER), Delivery.COMMITTED)
    queued = await send(held, "queued")
    steered = await reaches(held, await send(held, "two", Mode.STEER), Delivery.COMMITTED)
    assert steered.turn_id == first.turn_id
    assert (await held.journal.receipt(queued.message_id)).state is Delivery.QUEUED
    assert steered.route is Route.APP_SERVER


async def test_steering_a_turn_that_has_just_ended_begins_another(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codex's refusal is certain, so nothing is sent twice."""
    held = await stage.attach()
    first = await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    steer = stage.codex.steer

    async def too_late(*args: str) -> str:
        stage.codex.complete(THREAD)
        return await steer(*args)

    monkeypatch.setattr(stage.codex, "steer", too_late)
    steered = await reaches(held, await send(held, "two", Mode.STEER), Delivery.COMMITTED)
    assert steered.turn_id != first.turn_id


async def test_interrupting_ends_the_turn_first(stage: Stage) -> None:
    """With what it left running; what is queued goes after it."""
    held = await stage.attach()
    first = await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    queued = await send(held, "queued")
    urgent = await reaches(held, await send(held, "now", Mode.INTERRUPT), Delivery.COMMITTED)
    assert urgent.turn_id != first.turn_id
    assert stage.codex.cleaned == 1
    stage.codex.complete(THREAD)
    await reaches(held, queued, Delivery.COMMITTED)
    assert await stage.said(Event.TURN_COMPLETED) == ["interrupted", "completed"]


async def test_an_interrupting_message_does_not_wait_for_a_steer_behind_a_question(stage: Stage) -> None:
    """The steer is unknown until the record shows it; neither is sent twice."""
    stage.follow_rules(settle_seconds=600.0)
    held = await stage.attach()
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.codex.wait_for(THREAD, "waitingOnApproval")
    await held.journal.until(lambda: held.journal.state.activity is Activity.WAITING_PERMISSION)
    stage.hold()
    steer = await reaches(held, await send(held, "steer", Mode.STEER), Delivery.ACCEPTED)
    urgent = await send(held, "now", Mode.INTERRUPT)
    await reaches(held, steer, Delivery.UNKNOWN)
    await until(lambda: stage.codex.cleaned == 1)
    stage.release()
    await reaches(held, urgent, Delivery.COMMITTED)
    await reaches(held, steer, Delivery.COMMITTED)


async def test_if_idle_is_refused_while_anything_is_going_on(stage: Stage) -> None:
    """Nothing of it is stored; of two at the same moment one is taken."""
    held = await stage.attach()
    await held.journal.until(lambda: held.journal.state.activity is Activity.IDLE)
    both = await asyncio.gather(
        send(held, "a", Mode.IF_IDLE), send(held, "b", Mode.IF_IDLE), return_exceptions=True
    )
    assert [type(said) for said in both] == [Receipt, SessionBusy]
    assert isinstance(both[0], Receipt)
    await reaches(held, both[0], Delivery.COMMITTED)
    with pytest.raises(SessionBusy):
        await send(held, "c", Mode.IF_IDLE)
    assert await stage.states() == {"a": Delivery.COMMITTED}


async def test_a_full_queue_takes_no_more(stage: Stage) -> None:
    """Also where many come at the same moment."""
    stage.follow_rules(queue_limit=3)
    held = await stage.attach()
    await reaches(held, await send(held, "running"), Delivery.COMMITTED)
    said = await asyncio.gather(*(send(held, f"{n}") for n in range(8)), return_exceptions=True)
    assert Counter(type(s) for s in said) == {Receipt: 3, RateLimited: 5}


async def test_what_is_not_shown_in_time_is_unknown_and_settled_later(stage: Stage) -> None:
    """It is never sent again; the next message does not wait for it for ever."""
    stage.follow_rules(settle_seconds=0.2, retry_enter_seconds=0.05)
    held = await stage.attach()
    stage.hold()
    receipt = await reaches(held, await send(held, "lost?"), Delivery.UNKNOWN)
    assert "in time" in receipt.reason
    stage.release()
    receipt = await reaches(held, receipt, Delivery.COMMITTED)
    assert (receipt.reason, bool(receipt.turn_id)) == ("", True)
    stage.codex.complete(THREAD)
    await reaches(held, await send(held, "next"), Delivery.COMMITTED)


async def test_enter_that_was_swallowed_is_pressed_again(stage: Stage) -> None:
    """Once, and only where typing is allowed."""
    stage.follow_rules(settle_seconds=5.0, retry_enter_seconds=0.05)
    pasted: list[str] = []
    stage.terminal = MemoryTerminal(pasted.append)
    held = await stage.attach()
    receipt = await send(held, "typed", wish=Route.TMUX)
    await until(lambda: stage.terminal.pressed == ["Enter"])
    assert pasted == ["typed"]
    stage.codex.typed(THREAD, "typed")
    await reaches(held, receipt, Delivery.COMMITTED)
    assert stage.terminal.pressed == ["Enter"]


async def test_a_codex_that_dies_while_a_message_is_proven_blocks_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The typed message is unknown in time, and the next one is sent."""
    stage.follow_rules(settle_seconds=0.3, retry_enter_seconds=0.05)
    stage.terminal = MemoryTerminal(lambda _: None)
    held = await stage.attach()
    status, failing = stage.codex.status, itertools.count()

    async def failing_once(thread_id: str) -> Any:
        if next(failing) == 1:
            raise ConnectionLost("the app-server went")
        return await status(thread_id)

    monkeypatch.setattr(stage.codex, "status", failing_once)
    await reaches(held, await send(held, "typed", wish=Route.TMUX), Delivery.UNKNOWN)
    await reaches(held, await send(held, "next"), Delivery.COMMITTED)


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (CodexRefused("no"), Delivery.FAILED),
        (ConnectionLost("half way"), Delivery.UNKNOWN),
        (ConnectionLost("not begun", ambiguous=False), Delivery.FAILED),
        (TimedOut("no answer"), Delivery.UNKNOWN),
    ],
)
async def test_a_failed_command_is_told_as_it_is_and_never_repeated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, failure: OrchestratorError, state: Delivery
) -> None:
    """Failed where it certainly did not arrive, unknown where it may have."""
    held = await stage.attach()
    start_turn, calls = stage.codex.start_turn, list[str]()

    async def failing(thread_id: str, text: str, message_id: str) -> str:
        calls.append(text)
        if text == "bad":
            raise failure
        return await start_turn(thread_id, text, message_id)

    monkeypatch.setattr(stage.codex, "start_turn", failing)
    receipt = await reaches(held, await send(held, "bad"), state)
    assert receipt.reason == failure.message
    await reaches(held, await send(held, "good"), Delivery.COMMITTED)
    assert calls == ["bad", "good"]


async def test_a_message_before_anything_was_written_is_tried_again(stage: Stage) -> None:
    """Nothing went out, so it stays queued until codex answers."""
    held = await stage.attach()
    stage.codex.next_failure = ConnectionLost("not there yet")
    await reaches(held, await send(held, "patient"), Delivery.COMMITTED)


@pytest.mark.parametrize("recorded", ["before", "after", "never"])
async def test_a_daemon_that_dies_on_the_way_never_sends_again(stage: Stage, recorded: str) -> None:
    """The next one finds it committed by the recording, or calls it unknown until the recording knows."""
    first = await stage.attach()
    stage.hold()
    receipt = await reaches(first, await send(first, "once"), Delivery.ACCEPTED)
    behind = await send(first, "behind")
    for task in first._tasks:
        task.cancel()
    await asyncio.gather(*first._tasks, return_exceptions=True)
    if recorded == "before":
        stage.release()
    second = await stage.attach()
    if recorded == "before":
        assert (await second.journal.receipt(receipt.message_id)).state is Delivery.COMMITTED
    else:
        found = await second.journal.receipt(receipt.message_id)
        assert (found.state, found.reason) == (Delivery.UNKNOWN, "the daemon ended while it was on its way")
    if recorded == "after":
        stage.release()
        await reaches(second, receipt, Delivery.COMMITTED)
    stage.release()
    stage.codex.complete(THREAD)
    await reaches(second, behind, Delivery.COMMITTED)
    assert stage.took == {"once": 1, "behind": 1}


async def test_a_daemon_that_dies_between_writing_and_sending_sends_nothing_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marked as written, and not a byte went out: unknown, for good."""
    first = await stage.attach()

    async def never(*_: str) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(stage.codex, "start_turn", never)
        receipt = await reaches(first, await send(first, "never"), Delivery.WRITTEN)
        await first.close()
    second = await stage.attach()
    await reaches(second, await send(second, "next"), Delivery.COMMITTED)
    assert (await second.journal.receipt(receipt.message_id)).state is Delivery.UNKNOWN
    assert stage.took == {"next": 1}


async def test_a_store_that_cannot_be_written_loses_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real lock of another program: collecting tries again until the disk is back."""
    monkeypatch.setattr("orchestrator.store.database.BUSY_SECONDS", 0.05)
    held = await stage.attach()
    await until(lambda: held.journal.state.activity is Activity.IDLE)
    refused: list[str] = []
    monkeypatch.setattr(collect.log, "error", lambda *_, **told: refused.append(told["reason"]))
    other = sqlite3.connect(stage.home.database, isolation_level=None)
    other.execute("begin immediate")
    stage.codex.typed(THREAD, "by hand")
    stage.codex.complete(THREAD, "an answer")
    await until(lambda: len(refused) >= 2)
    with pytest.raises(StoreUnwritable):
        await send(held, "refused")
    other.execute("rollback")
    other.close()
    await reaches(held, await send(held, "later"), Delivery.COMMITTED)
    assert await stage.said(Event.USER_MESSAGE) == ["by hand", "later"]
    assert await stage.said(Event.AGENT_MESSAGE) == ["an answer"]


@pytest.mark.parametrize("state", [Delivery.WRITTEN, Delivery.ACCEPTED])
async def test_a_store_that_fails_on_the_way_blocks_no_delivery(stage: Stage, state: Delivery) -> None:
    """Before the message went out it is sent later; after it, it is proven by the recording."""
    held = await stage.attach()
    stage.store.mishap = refusing(1, lambda told: told["states"] == [state])
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.codex.complete(THREAD)
    await reaches(held, await send(held, "two"), Delivery.COMMITTED)


async def test_an_unknown_that_could_not_be_stored_blocks_no_delivery(stage: Stage) -> None:
    """It is said as soon as the store takes it."""
    stage.follow_rules(settle_seconds=0.1)
    held = await stage.attach()
    stage.hold()
    stage.store.mishap = refusing(2, lambda told: told["states"] == [Delivery.UNKNOWN])
    await reaches(held, await send(held, "one"), Delivery.UNKNOWN)
    stage.release()


@pytest.mark.parametrize("stored", [True, False])
async def test_an_append_of_which_nobody_heard_is_told_once(stage: Stage, *, stored: bool) -> None:
    """The disk answered too late: what it stored after all is read back, and not stored again."""
    held = await stage.attach()
    once = itertools.count()

    async def late(really: Append) -> list[Envelope]:
        if stored:
            await really()
        raise TimedOut("the event store did not answer")

    def mishap(told: dict[str, Any], really: Append) -> Awaitable[list[Envelope]] | None:
        return late(really) if told["checkpoint"] and next(once) == 0 else None

    stage.store.mishap = mishap
    with held.journal.feed.subscribed() as live:
        receipt = await reaches(held, await send(held, "one"), Delivery.COMMITTED)
        stage.codex.complete(THREAD)
        await until(lambda: held.journal.state.activity is Activity.IDLE)
        seqs = [live.get_nowait().seq for _ in range(live.qsize())]  # type: ignore[union-attr]  # no end yet
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert await stage.said(Event.USER_MESSAGE) == ["one"]
    assert (await stage.store.receipt(receipt.message_id)).state is Delivery.COMMITTED


async def test_what_lands_late_is_known_before_the_next_step(stage: Stage) -> None:
    """The disk hangs with the proof of a message; whoever would call it unknown waits for the disk."""
    held = await stage.attach()
    stage.hold()
    receipt = await reaches(held, await send(held, "one"), Delivery.ACCEPTED)
    going, landing = threading.Event(), list[asyncio.Future[Any]]()

    async def hanging(really: Append) -> list[Envelope]:
        landing.append(asyncio.create_task(stage.store._writer.ask(lambda _: going.wait(20))))
        landing.append(asyncio.ensure_future(really()))
        await asyncio.sleep(0)
        raise TimedOut("the event store did not answer")

    stage.store.mishap = lambda told, really: hanging(really) if told["checkpoint"] and not landing else None
    stage.release()
    await until(lambda: len(landing) == 2)
    moving = asyncio.create_task(held.journal.move(receipt.message_id, Delivery.UNKNOWN))
    await asyncio.wait([moving], timeout=0.1)
    going.set()
    assert (await moving).state is Delivery.COMMITTED
    assert (await stage.store.receipt(receipt.message_id)).state is Delivery.COMMITTED
    await asyncio.gather(*landing)


async def test_a_sender_that_leaves_while_its_message_is_stored_leaves_a_whole_history(stage: Stage) -> None:
    """The message is delivered, and every subscriber sees every event."""
    held = await stage.attach()
    stored = asyncio.Event()

    async def forever(really: Append) -> list[Envelope]:
        await really()
        stored.set()
        await asyncio.Event().wait()
        raise AssertionError

    stage.store.mishap = lambda told, really: forever(really) if told["states"] else None
    leaving = asyncio.create_task(send(held, "left behind"))
    await stored.wait()
    stage.store.mishap = None
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await until(lambda: stage.took["left behind"] == 1)
    second = await send(held, "second")
    await until(lambda: held.journal.state.activity is not Activity.IDLE)
    stage.codex.complete(THREAD)
    await reaches(held, second, Delivery.COMMITTED)


async def test_two_collectors_of_one_session_store_each_line_once(stage: Stage) -> None:
    """As when a hold was dropped and has not noticed yet."""
    first = await stage.attach()
    second = await stage.attach()
    for number in range(20):
        stage.codex.typed(THREAD, f"{number}")
        stage.codex.complete(THREAD)
    await until(lambda: _drained(first))
    await until(lambda: first.journal._seq == second.journal._seq == len(stage.transcript_lines()))
    assert first.journal.state == second.journal.state
    assert await stage.said(Event.USER_MESSAGE) == [f"{number}" for number in range(20)]
    assert Event.GAP not in {e.draft.type for e in await stage.events()}


def _drained(held: Attachment) -> Awaitable[bool]:
    return held.drained(0.5)


async def test_a_thread_that_a_person_began_is_followed(stage: Stage) -> None:
    """`/new` on the screen: the record knows it, and messages go there."""
    held = await stage.attach()
    await reaches(held, await send(held, "old"), Delivery.COMMITTED)
    stage.codex.complete(THREAD)
    stage.codex.open_thread("thread-2", how="followed")
    await until(lambda: stage.world.registry.get(SESSION_ID).thread_id == "thread-2")
    await until(lambda: held.journal.state.activity is Activity.IDLE)
    await reaches(held, await send(held, "new"), Delivery.COMMITTED)
    assert (await stage.codex.status("thread-2")).kind == "active"
    assert (await stage.codex.status(THREAD)).kind == "idle"


async def test_a_thread_is_followed_also_where_the_registry_failed_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is read again until the record knows the thread."""
    held = await stage.attach()
    put, failing = stage.world.registry.put, itertools.count()

    def refusing_once(session: Session) -> None:
        if next(failing) == 0:
            raise StoreUnwritable("the disk is full")
        put(session)

    monkeypatch.setattr(stage.world.registry, "put", refusing_once)
    stage.codex.open_thread("thread-2", how="followed")
    await until(lambda: stage.world.registry.get(SESSION_ID).thread_id == "thread-2")
    assert held.session.thread_id == "thread-2"


async def test_a_transcript_that_cannot_be_written_stops_nothing(stage: Stage) -> None:
    """Messages go on; it is whole again as soon as it can be."""
    held = await stage.attach()
    transcript = stage.transcript
    transcript.rename(transcript.with_name("aside"))
    transcript.mkdir()
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.codex.complete(THREAD)
    await reaches(held, await send(held, "two"), Delivery.COMMITTED)
    transcript.rmdir()
    transcript.with_name("aside").rename(transcript)
    await until(stage.transcript_is_whole)


async def test_a_transcript_that_was_removed_is_written_again(stage: Stage) -> None:
    """From its first line on, while the session goes on."""
    held = await stage.attach()
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.transcript.unlink()
    stage.codex.complete(THREAD)
    await reaches(held, await send(held, "two"), Delivery.COMMITTED)
    await until(stage.transcript_is_whole)


async def test_a_recording_that_a_power_failure_shortened_is_read_on(stage: Stage) -> None:
    """What was read stays read once, and what the recorder writes in its place is new."""
    held = await stage.attach()
    for number in range(3):
        stage.codex.typed(THREAD, f"{number}")
        stage.codex.complete(THREAD)
    await until(lambda: _drained(held))
    await held.close()
    lines = stage.recording.read_bytes().splitlines(keepends=True)
    kept = lines[: len(lines) // 2]
    stage.recording.write_bytes(b"".join(kept))
    stage.codex._next_line = len(kept) + 1
    again = await stage.attach()
    stage.codex.typed(THREAD, "after the failure")
    stage.codex.complete(THREAD)
    await until(lambda: _drained(again))
    assert await stage.said(Event.USER_MESSAGE) == ["0", "1", "2", "after the failure"]
    assert Event.GAP not in {e.draft.type for e in await stage.events()}


async def test_a_long_shortened_recording_is_read_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the lines that are known come in many pieces."""
    monkeypatch.setattr(collect, "LINES_AT_ONCE", 3)
    await test_a_recording_that_a_power_failure_shortened_is_read_on(stage)


async def test_missing_and_replaced_lines_are_told(stage: Stage) -> None:
    """As gaps; what is there is read."""
    held = await stage.attach()
    await until(lambda: _drained(held))
    stage.codex._next_line += 5
    stage.codex.typed(THREAD, "after a hole")
    await until(lambda: _drained(held))
    renewed = Line(n=1, t=1, source=Source.LIVE, message={"method": "warning", "params": {"message": "new"}})
    other = stage.recording.with_name("other")
    other.write_bytes(encode(renewed))
    other.rename(stage.recording)
    await until(lambda: _drained(held))
    gaps = [e.draft for e in await stage.events() if e.draft.type == Event.GAP]
    assert [gap.text for gap in gaps] == [
        "lines are missing from the recording",
        "the recording was replaced",
    ]
    assert (gaps[0].data["last_line"] - gaps[0].data["first_line"], await stage.said(Event.WARNING)) == (
        4,
        ["new"],
    )
    assert await stage.said(Event.USER_MESSAGE) == ["after a hole"]


async def test_a_line_that_cannot_be_read_is_told_and_passed(stage: Stage) -> None:
    """It counts as one line."""
    held = await stage.attach()
    await until(lambda: _drained(held))
    stage._write(b"\xff{not json\n" + b"[" * 100_000 + b"\n")
    stage.codex._next_line += 2
    stage.codex.typed(THREAD, "behind")
    await until(lambda: _drained(held))
    assert len(await stage.said(Event.WARNING)) == 2
    assert await stage.said(Event.USER_MESSAGE) == ["behind"]
    assert Event.GAP not in {e.draft.type for e in await stage.events()}


async def test_the_next_daemon_knows_what_the_last_one_knew(stage: Stage) -> None:
    """State, queue and transcript are rebuilt from the store."""
    first = await stage.attach()
    await reaches(first, await send(first, "running"), Delivery.COMMITTED)
    queued = [await send(first, f"{n}") for n in range(3)]
    await first.journal.write(a_draft("a note"))
    state = first.journal.state
    await first.close()
    stage.transcript.unlink()
    second = await stage.attach()
    assert second.journal.state == state
    assert [r.message_id for r in second.journal.outbox] == [r.message_id for r in queued]
    assert await stage.transcript_is_whole()


async def test_a_store_that_was_lost_is_declared_and_the_old_transcript_is_kept(stage: Stage) -> None:
    """What codex said is read again from its recording; what only the store knew lies inside a gap."""
    first = await stage.attach()
    await reaches(first, await send(first, "one"), Delivery.COMMITTED)
    await first.close()
    told = stage.transcript.read_bytes()
    await stage.store.forget(first.session.session_id)
    second = await stage.attach()
    [gap] = [e for e in await stage.events() if e.draft.type == Event.GAP]
    assert gap.draft.data["last_seq"] == told.count(b"\n")
    assert gap.draft.data["kept_in"] == f"{stage.transcript}.aside-1"
    assert stage.transcript.with_name(f"{stage.transcript.name}.aside-1").read_bytes() == told
    await until(lambda: _drained(second))
    assert await stage.said(Event.USER_MESSAGE) == ["one"]
    assert await stage.transcript_is_whole()
