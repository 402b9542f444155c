"""What a session's history comes to is the same before and after a restart, whatever came before."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.activity import FOREIGN, REDUCER, Activity, State, advance
from orchestrator.core.envelope import Draft
from orchestrator.core.events import Event
from orchestrator.core.ports import Standing
from orchestrator.core.receipt import Delivery, Mode
from orchestrator.sessions.journal import Journal
from orchestrator.store import migrations
from orchestrator.store.database import SqliteEventStore
from orchestrator.testing.examples import SESSION_ID, a_draft, a_session
from tests.integration.delivery_stage import THREAD, Stage, reaches, send, stage

__all__ = ["stage"]

NOISE = 6_000


def output(count: int, turn_id: str) -> list[Draft]:
    return [a_draft(f"line {n}", Event.COMMAND_OUTPUT, turn_id=turn_id) for n in range(count)]


async def test_a_noisy_command_hides_no_turn_from_the_next_daemon(stage: Stage) -> None:
    """The turn still runs, and a message can be steered into it."""
    first = await stage.attach()
    begun = await reaches(first, await send(first, "one"), Delivery.COMMITTED)
    await first.journal.write(*output(NOISE, begun.turn_id))
    before = first.journal.state
    await first.close()
    second = await stage.attach()
    assert second.journal.state == before
    steered = await reaches(second, await send(second, "two", Mode.STEER), Delivery.COMMITTED)
    assert steered.turn_id == begun.turn_id


async def test_a_noisy_command_hides_no_question_from_the_next_daemon(stage: Stage) -> None:
    """It waits for the same person, since the same moment."""
    first = await stage.attach()
    await reaches(first, await send(first, "one"), Delivery.COMMITTED)
    stage.codex.wait_for(THREAD, "waitingOnApproval")
    await first.journal.until(lambda: first.journal.state.activity is Activity.WAITING_PERMISSION)
    await first.journal.write(*output(NOISE, ""))
    before = first.journal.state
    await first.close()
    assert (await stage.attach()).journal.state == before


events = st.builds(
    a_draft,
    st.text(max_size=30),
    st.sampled_from(list(Event)) | st.text(max_size=5),
    timestamp=st.sampled_from(["2030-01-01T00:00:00.000000Z", "2030-01-01T00:00:01.000000Z"]),
    turn_id=st.sampled_from(["", "t1", "t2"]),
    tags=st.sampled_from([(), (FOREIGN,), ("backfill",)]),
    data=st.fixed_dictionaries(
        {},
        optional={
            "status": st.sampled_from(["idle", "active", "systemError", "completed", "failed", 3, None]),
            "active_flags": st.lists(st.sampled_from(["waitingOnApproval", "waitingOnUserInput", "new"])),
            "method": st.sampled_from(["boot", "ready", "exit", "subscribed", "other"]),
            "request_id": st.integers(0, 3) | st.text(max_size=3),
            "will_retry": st.booleans(),
        },
    ),
)
histories = st.lists(st.lists(events, max_size=6), max_size=8)


@given(histories)
@settings(max_examples=60, deadline=None)
def test_the_state_after_a_restart_is_the_state_before(history: list[list[Draft]]) -> None:
    """In however many pieces it was stored; also where another reducer has kept what it made of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        kept, again = asyncio.run(_restarted(path, history))
    drafts = [draft for piece in history for draft in piece]
    assert kept == again == Standing(seq=len(drafts), state=_folded(drafts))


async def _restarted(path: Path, history: Sequence[Sequence[Draft]]) -> tuple[Standing, Standing]:
    """As the next program finds it, and the one after where that kept nothing that can be used."""
    first = SqliteEventStore(path)
    for piece in history:
        await first.append(a_session(), piece)
    await first.close()
    second = SqliteEventStore(path)
    kept = await second.standing(SESSION_ID)
    await second.close()
    _spoil(path, f"reducer = {REDUCER + 1}, state = '{{}}'")
    third = SqliteEventStore(path)
    again = await third.standing(SESSION_ID)
    await third.close()
    return kept, again


def _folded(drafts: Sequence[Draft]) -> State:
    state = State()
    for draft in drafts:
        state = advance(state, draft)
    return state


def _spoil(path: Path, change: str) -> None:
    other = sqlite3.connect(path)
    other.execute(f"update standing set {change}")  # noqa: S608 - our own words
    other.commit()
    other.close()


def _kept(path: Path) -> tuple[int, int, str]:
    other = sqlite3.connect(path)
    row: tuple[int, int, str] = other.execute("select seq, reducer, state from standing").fetchone()
    other.close()
    return row


TURN = a_draft(event=Event.TURN_STARTED, turn_id="t1")


@pytest.mark.parametrize("change", [f"reducer = {REDUCER + 1}", "state = '{'", "state = '{}'"])
async def test_what_another_reducer_kept_is_made_again_once(tmp_path: Path, change: str) -> None:
    """Or what cannot be read; events that are stored meanwhile are in it as well."""
    path = tmp_path / "events.db"
    store = SqliteEventStore(path)
    await store.append(a_session(), [TURN])
    _spoil(path, change)
    await store.append(a_session(), [a_draft("make", Event.COMMAND_STARTED, turn_id="t1")])
    found = await store.standing(SESSION_ID)
    assert (found.seq, found.state.activity, found.state.doing) == (2, Activity.WORKING, "make")
    other = sqlite3.connect(path)
    other.execute("delete from events")
    other.commit()
    other.close()
    assert await store.standing(SESSION_ID) == found
    await store.close()


async def test_the_store_of_an_older_program_is_brought_up(tmp_path: Path) -> None:
    """Nothing was kept there; it is made from the events."""
    path = tmp_path / "events.db"
    store = SqliteEventStore(path)
    await store.append(a_session(), [TURN, *output(3, "t1")])
    found = await store.standing(SESSION_ID)
    await store.close()
    old = tmp_path / "old.db"
    first = migrations.scripts()[0]
    made = sqlite3.connect(old)
    made.executescript(f"{first} pragma user_version = 1; attach '{path}' as newer;")
    made.execute("insert into events select * from newer.events")
    made.execute("insert into last_seq select session_id, seq from newer.standing")
    made.commit()
    made.close()
    store = SqliteEventStore(old)
    assert await store.standing(SESSION_ID) == found
    assert [e.seq for e in await store.append(a_session(), [a_draft("x")])] == [5]
    await store.close()
    assert _kept(old)[:2] == (5, REDUCER)


async def test_a_store_that_can_only_be_read_says_what_a_history_comes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it has to be made again; it is kept when the file can be written."""
    monkeypatch.setattr("orchestrator.store.database.BUSY_SECONDS", 0.05)
    path = tmp_path / "events.db"
    store = SqliteEventStore(path)
    await store.append(a_session(), [TURN])
    found = await store.standing(SESSION_ID)
    _spoil(path, "reducer = 0")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    assert await store.standing(SESSION_ID) == found
    other.execute("rollback")
    other.close()
    assert _kept(path)[1] == 0
    assert await store.standing(SESSION_ID) == found
    assert _kept(path)[1] == REDUCER
    await store.close()


async def test_a_journal_begins_where_the_history_ends(stage: Stage) -> None:
    """Its own state is what the store keeps, after each event."""
    held = await stage.attach()
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.codex.complete(THREAD)
    await held.journal.until(lambda: held.journal.state.activity is Activity.IDLE)
    await held.close()
    kept = await stage.store.standing(SESSION_ID)
    fresh = Journal(stage.world, held.session)
    await fresh.load()
    assert kept == Standing(seq=len(await stage.events()), state=held.journal.state)
    assert fresh.state == held.journal.state
