"""One suite for the event store: on the in-memory twin, and on SQLite."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orchestrator.core.activity import Activity, State, advance
from orchestrator.core.envelope import Draft
from orchestrator.core.errors import InvalidInput, ReceiptNotFound, StoreUnwritable
from orchestrator.core.events import Event
from orchestrator.core.ports import Checkpoint, EventStore, Standing
from orchestrator.core.receipt import Delivery, Mode, Receipt, Route
from orchestrator.store.database import SqliteEventStore
from orchestrator.testing.examples import SESSION_ID, a_draft, a_receipt, a_session
from orchestrator.testing.history import InMemoryEventStore


def make(kind: str, folder: Path) -> EventStore:
    return InMemoryEventStore() if kind == "twin" else SqliteEventStore(folder / "data" / "events #1?.db")


@pytest.fixture(params=["twin", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventStore]:
    store = make(request.param, tmp_path)
    yield store
    await store.close()


def drafts(*texts: str) -> list[Draft]:
    return [a_draft(text) for text in texts]


async def texts(store: EventStore, since: int = 0) -> list[str]:
    return [e.draft.text for e in (await store.read(SESSION_ID, since, 1000)).envelopes]


async def test_a_store_begins_empty(store: EventStore) -> None:
    """Nothing is an error about a session that nobody wrote of."""
    page = await store.read("neverwas12", 0, 10)
    assert (page.envelopes, page.next_seq, page.oldest_seq) == ((), 0, 0)
    assert await store.checkpoint("neverwas12") == Checkpoint()
    assert await store.receipts("neverwas12") == []
    assert await store.standing("neverwas12") == Standing()
    assert await store.turn("neverwas12", "t1") == []
    assert await store.check() == []
    with pytest.raises(ReceiptNotFound):
        await store.receipt("nothing")


async def test_events_get_seqs_without_holes_per_session(store: EventStore) -> None:
    """From 1, each session for itself."""
    other = a_session("xyz0123456", "tester", branch="work")
    assert [e.seq for e in await store.append(a_session(), drafts("a", "b"))] == [1, 2]
    assert [(e.seq, e.role, e.branch) for e in await store.append(other, drafts("x"))] == [
        (1, "tester", "work")
    ]
    assert [e.seq for e in await store.append(a_session(), drafts("c"))] == [3]
    assert await texts(store) == ["a", "b", "c"]
    assert await store.check() == []


async def test_what_is_read_is_what_was_written(store: EventStore) -> None:
    """Every field of a draft comes back."""
    draft = a_draft(
        "ein \x00 🙂\n", sender="lead", to="builder", turn_id="t", item_id="i", requires_operator=True,
        tags=("a", "b"), data={"n": [1, 2.5, None, {"x": "y"}]},
    )  # fmt: skip
    written = await store.append(a_session(branch="main"), [draft])
    page = await store.read(SESSION_ID, 0, 10)
    assert list(page.envelopes) == written
    assert page.envelopes[0].draft == draft


async def test_pages_follow_each_other(store: EventStore) -> None:
    """`next_seq` is the cursor; an empty page leaves it where it was."""
    await store.append(a_session(), drafts(*"abcde"))
    first = await store.read(SESSION_ID, 0, 2)
    assert ([e.draft.text for e in first.envelopes], first.next_seq, first.oldest_seq) == (["a", "b"], 2, 1)
    rest = await store.read(SESSION_ID, first.next_seq, 10)
    assert ([e.seq for e in rest.envelopes], rest.next_seq) == ([3, 4, 5], 5)
    assert (await store.read(SESSION_ID, 5, 10)).next_seq == 5


@pytest.mark.parametrize(("since", "limit"), [(0, 0), (0, -1), (10**30, 5), (7, 5)])
async def test_a_strange_window_is_empty(store: EventStore, since: int, limit: int) -> None:
    """No limit means everything, and no number is too large."""
    await store.append(a_session(), drafts("a"))
    assert (await store.read(SESSION_ID, since, limit)).envelopes == ()
    assert (await store.latest(SESSION_ID, min(limit, 0))).envelopes == ()


async def test_a_negative_cursor_is_the_beginning(store: EventStore) -> None:
    """Nothing lies before the first event."""
    await store.append(a_session(), drafts("a"))
    assert [e.seq for e in (await store.read(SESSION_ID, -5, 5)).envelopes] == [1]


async def test_the_latest_come_oldest_first(store: EventStore) -> None:
    """With the cursor behind the last of them."""
    await store.append(a_session(), drafts(*"abcde"))
    page = await store.latest(SESSION_ID, 2)
    assert ([e.draft.text for e in page.envelopes], page.next_seq, page.oldest_seq) == (["d", "e"], 5, 1)


async def test_a_turn_is_read_without_what_its_commands_wrote(store: EventStore) -> None:
    """All the rest of it in order, whatever lies between; nothing of another turn or session."""
    mine = [a_draft(n, Event.AGENT_MESSAGE, turn_id="t1") for n in "ab"]
    noise = [
        a_draft("out", Event.COMMAND_OUTPUT, turn_id="t1"),
        a_draft("other", turn_id="t2"),
        a_draft("none"),
    ]
    await store.append(a_session(), [mine[0], *noise, mine[1]])
    await store.append(a_session("xyz0123456"), mine)
    assert [(e.seq, e.draft) for e in await store.turn(SESSION_ID, "t1")] == [(1, mine[0]), (5, mine[1])]
    assert [e.draft.text for e in await store.turn(SESSION_ID, "t2")] == ["other"]


async def test_a_history_comes_to_what_the_reducer_says(store: EventStore) -> None:
    """Of every event that was stored, and of none that was refused."""
    begun = a_draft(event=Event.TURN_STARTED, turn_id="t1")
    running = a_draft("make", Event.COMMAND_STARTED, turn_id="t1")
    await store.append(a_session(), [begun])
    assert await store.standing(SESSION_ID) == Standing(seq=1, state=advance(State(), begun))
    stale = Checkpoint(offset=1)
    assert await store.append(a_session(), [running], checkpoint=Checkpoint(offset=9), after=stale) == []
    assert (await store.standing(SESSION_ID)).state.activity is Activity.THINKING
    await store.append(a_session(), [running, a_draft("noise")])
    found = await store.standing(SESSION_ID)
    assert found == Standing(seq=3, state=advance(advance(State(), begun), running))


async def test_a_checkpoint_is_stored_with_its_events(store: EventStore) -> None:
    """Also where the lines read held no event."""
    first = Checkpoint(offset=10, inode=2**64 - 1, line=1, time=5)
    await store.append(a_session(), drafts("a"), checkpoint=first)
    assert await store.checkpoint(SESSION_ID) == first
    second = Checkpoint(offset=20, inode=2**64 - 1, line=2, time=6)
    assert await store.append(a_session(), [], checkpoint=second, after=first) == []
    assert await store.checkpoint(SESSION_ID) == second


@pytest.mark.parametrize("offset", [10, 15, 5])
async def test_two_readers_with_one_checkpoint_store_once(store: EventStore, offset: int) -> None:
    """Whoever reads on from a checkpoint that is not the stored one stores nothing, however far it came."""
    receipt = a_receipt("m1")
    await store.append(a_session(), drafts("a"), checkpoint=Checkpoint(offset=10, inode=1, line=1))
    late = Checkpoint(offset=offset, inode=1, line=2)
    assert await store.append(a_session(), drafts("a", "b"), checkpoint=late, receipts=[receipt]) == []
    assert await texts(store) == ["a"]
    assert await store.receipts(SESSION_ID) == []
    assert await store.checkpoint(SESSION_ID) == Checkpoint(offset=10, inode=1, line=1)


async def test_a_replaced_recording_is_read_from_its_start(store: EventStore) -> None:
    """A smaller checkpoint counts, when it follows the stored one."""
    far, near = Checkpoint(offset=90, inode=1, line=9), Checkpoint(offset=10, inode=1, line=9)
    await store.append(a_session(), drafts("a"), checkpoint=far)
    assert len(await store.append(a_session(), drafts("b"), checkpoint=near, after=far)) == 1
    assert await store.checkpoint(SESSION_ID) == near


async def test_a_receipt_comes_back_as_it_was(store: EventStore) -> None:
    """Every field; a later one of the same id takes its place."""
    receipt = a_receipt(
        "m1", position=7, text="ü\n", tags=("x",), mode=Mode.STEER, wish=Route.TMUX, route=Route.TMUX,
        state=Delivery.WRITTEN, turn_id="t", reason="r", created_at="c", updated_at="u",
    )  # fmt: skip
    await store.append(a_session(), [], receipts=[receipt])
    assert await store.receipt("m1") == receipt
    moved = receipt.moved(Delivery.COMMITTED, now="later")
    await store.append(a_session(), [], receipts=[moved])
    assert await store.receipt("m1") == moved


async def test_receipts_come_in_the_order_of_their_positions(store: EventStore) -> None:
    """Open ones alone where only they are wanted; unknown is open."""
    states = [Delivery.COMMITTED, Delivery.UNKNOWN, Delivery.QUEUED, Delivery.FAILED, Delivery.ACCEPTED]
    receipts = [a_receipt(f"m{9 - n}", position=n, state=state) for n, state in enumerate(states)]
    await store.append(a_session(), [], receipts=list(reversed(receipts)))
    await store.append(a_session("xyz0123456"), [], receipts=[a_receipt("other", session_id="xyz0123456")])
    assert await store.receipts(SESSION_ID) == receipts
    assert await store.receipts(SESSION_ID, open_only=True) == [receipts[n] for n in (1, 2, 4)]


async def test_forgetting_leaves_nothing_of_one_session(store: EventStore) -> None:
    """And everything of the others."""
    other = a_session("xyz0123456")
    for session in (a_session(), other):
        receipt = a_receipt(f"m-{session.session_id}", session_id=session.session_id)
        place = Checkpoint(offset=1, inode=1, line=1)
        await store.append(session, drafts("a"), checkpoint=place, receipts=[receipt])
    await store.forget(SESSION_ID)
    assert await texts(store) == []
    assert await store.standing(SESSION_ID) == Standing()
    assert await store.checkpoint(SESSION_ID) == Checkpoint()
    assert await store.receipts(SESSION_ID) == []
    assert len((await store.read("xyz0123456", 0, 9)).envelopes) == 1
    assert await store.receipt("m-xyz0123456")
    assert [e.seq for e in await store.append(a_session(), drafts("new"))] == [1]


async def test_many_at_once_get_different_seqs(store: EventStore) -> None:
    """Whoever asks at the same time is stored one after the other."""
    answers = await asyncio.gather(*(store.append(a_session(), drafts(f"{n}", f"{n}")) for n in range(50)))
    assert sorted(e.seq for answer in answers for e in answer) == list(range(1, 101))
    assert all(first.seq + 1 == second.seq for first, second in answers)


async def test_a_closed_store_refuses(store: EventStore) -> None:
    """At once, for reading and writing; closing twice is fine."""
    await store.append(a_session(), drafts("a"))
    await store.close()
    with pytest.raises(StoreUnwritable, match="closed"):
        await store.append(a_session(), drafts("b"))
    with pytest.raises(StoreUnwritable, match="closed"):
        await store.read(SESSION_ID, 0, 1)
    await store.close()


async def test_halves_of_characters_do_not_stop_anything(tmp_path: Path) -> None:
    """SQLite and UTF-8 cannot hold them; the event is stored with `?` in their place."""
    store = make("sqlite", tmp_path)
    half = "\ud800"
    draft = a_draft(half, turn_id=half, item_id=half, data={half: half})
    await store.append(a_session(), [draft], receipts=[a_receipt("m", text=half)])
    found = (await store.read(SESSION_ID, 0, 1)).envelopes[0].draft
    assert (found.text, found.turn_id, found.data) == ("?", "?", {"?": "?"})
    assert (await store.receipt("m")).text == "?"
    await store.close()


async def test_a_value_that_is_no_json_is_refused_alone(tmp_path: Path) -> None:
    """The bad one never can be stored, and says so; those beside it are."""
    store = make("sqlite", tmp_path)
    bad = a_draft("bad", data={"x": object()})
    said = await asyncio.gather(
        store.append(a_session(), drafts("a")),
        store.append(a_session(), [bad], checkpoint=Checkpoint(offset=1), receipts=[a_receipt("m")]),
        store.append(a_session(), [], checkpoint=Checkpoint(offset=2**70)),
        store.append(a_session(), drafts("b")),
        return_exceptions=True,
    )
    assert [type(s) for s in said] == [list, InvalidInput, InvalidInput, list]
    assert await texts(store) == ["a", "b"]
    assert await store.checkpoint(SESSION_ID) == Checkpoint()
    assert await store.receipts(SESSION_ID) == []
    await store.close()


class StoreMachine(RuleBasedStateMachine):
    """SQLite against the twin: whatever is asked, also over reopening, both answer the same."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()

    @initialize()
    def begin(self) -> None:
        self.real = make("sqlite", Path(self.folder.name))
        self.twin = InMemoryEventStore()
        self.read_to = {"abc0123456": Checkpoint(), "xyz0123456": Checkpoint()}

    def both(self, call: str, *args: Any, **options: Any) -> Any:
        real = self.runner.run(getattr(self.real, call)(*args, **options))
        twin = self.runner.run(getattr(self.twin, call)(*args, **options))
        assert real == twin
        return real

    names = st.sampled_from(["abc0123456", "xyz0123456"])
    said = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=4)

    @rule(name=names, said=said)
    def append(self, name: str, said: list[str]) -> None:
        self.both("append", a_session(name), drafts(*said))

    @rule(name=names, said=said, step=st.integers(1, 100), inode=st.integers(1, 3))
    def collect(self, name: str, said: list[str], step: int, inode: int) -> None:
        old = self.read_to[name]
        offset = old.offset + step if inode == old.inode else step
        new = Checkpoint(offset=offset, inode=inode, line=old.line + 1, time=step)
        made = self.both("append", a_session(name), drafts(*said), checkpoint=new, after=old)
        assert len(made) == len(said)
        self.read_to[name] = new
        assert self.both("append", a_session(name), drafts(*said), checkpoint=new, after=old) == []

    @rule(name=names, number=st.integers(1, 5), state=st.sampled_from(list(Delivery)))
    def note(self, name: str, number: int, state: Delivery) -> None:
        receipt: Receipt = a_receipt(f"{name}{number}", session_id=name, position=number % 3, state=state)
        self.both("append", a_session(name), drafts("moved"), receipts=[receipt])

    @rule(
        name=names, types=st.lists(st.sampled_from(list(Event)), max_size=4), turn=st.sampled_from(["", "t1"])
    )
    def happen(self, name: str, types: list[Event], turn: str) -> None:
        self.both("append", a_session(name), [a_draft("so", each, turn_id=turn) for each in types])

    @rule(name=names)
    def forget(self, name: str) -> None:
        self.both("forget", name)
        self.read_to[name] = Checkpoint()

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.real.close())
        self.real = make("sqlite", Path(self.folder.name))

    @rule(name=names, since=st.integers(-2, 30), limit=st.integers(-1, 30))
    def look(self, name: str, since: int, limit: int) -> None:
        self.both("read", name, since, limit)
        self.both("latest", name, limit)
        self.both("turn", name, "t1")
        self.both("receipts", name)

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "real"):
            return
        for name, place in self.read_to.items():
            assert self.both("checkpoint", name) == place
            self.both("receipts", name, open_only=True)
            self.both("standing", name)
        assert self.both("check") == []

    def teardown(self) -> None:
        self.runner.run(self.real.close())
        self.runner.close()
        self.folder.cleanup()


StoreMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestStoreMachine = StoreMachine.TestCase
