"""The reducer that says what a session is doing."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.activity import DECISIVE, FOREIGN, REDUCER, Activity, State, advance
from orchestrator.core.envelope import Direction, Draft
from orchestrator.core.events import Event

A = Activity
IN_TURN = (A.WORKING, A.THINKING, A.WAITING_INPUT, A.WAITING_PERMISSION)
RUNNING = (A.WORKING, A.THINKING)
WAITING = (A.WAITING_INPUT, A.WAITING_PERMISSION)
AT_REST = (A.IDLE, A.ERROR)


def draft(event: str, *, turn: str = "t1", text: str = "", tags: tuple[str, ...] = (), **data: Any) -> Draft:
    return Draft(
        timestamp="2030-01-01T00:00:00.000000Z",
        type=event,
        direction=Direction.SYSTEM,
        turn_id=turn,
        text=text,
        tags=tags,
        data=data,
    )


def at(activity: Activity) -> State:
    return State(
        activity=activity, since="before", source="earlier", turn_id="t1" if activity.in_turn else ""
    )


#: (event, its turn, its data) → where it leads from each activity; what is not named stays as it is.
TABLE: list[tuple[Event, str, Mapping[str, Any], dict[Activity, Activity]]] = [
    (Event.SESSION_LAUNCHED, "", {}, {}),
    (Event.SESSION_STOPPED, "", {}, dict.fromkeys(A, A.STOPPED)),
    (Event.SESSION_RESUMED, "", {}, {}),
    (Event.TURN_STARTED, "t2", {}, dict.fromkeys(A, A.THINKING)),
    (
        Event.TURN_COMPLETED,
        "t1",
        {"status": "completed"},
        dict.fromkeys((A.STARTING, *IN_TURN, *AT_REST), A.IDLE),
    ),
    (
        Event.TURN_COMPLETED,
        "t1",
        {"status": "interrupted"},
        dict.fromkeys((A.STARTING, *IN_TURN, *AT_REST), A.IDLE),
    ),
    (
        Event.TURN_COMPLETED,
        "t1",
        {"status": "failed"},
        dict.fromkeys((A.STARTING, *IN_TURN, *AT_REST), A.ERROR),
    ),
    (
        Event.TURN_COMPLETED,
        "t0",
        {"status": "failed"},
        dict.fromkeys((A.STARTING, *AT_REST), A.ERROR),
    ),
    (Event.THREAD_STATUS, "", {"status": "idle"}, dict.fromkeys((*IN_TURN, *AT_REST), A.IDLE)),
    (Event.THREAD_STARTED, "", {"status": "idle"}, dict.fromkeys((*IN_TURN, *AT_REST), A.IDLE)),
    (
        Event.THREAD_STATUS,
        "",
        {"status": "systemError"},
        dict.fromkeys((A.STARTING, *IN_TURN, *AT_REST), A.ERROR),
    ),
    (Event.THREAD_STATUS, "", {"status": "notLoaded"}, {}),
    (
        Event.THREAD_STATUS,
        "",
        {"status": "active", "active_flags": []},
        dict.fromkeys((A.STARTING, *WAITING, *AT_REST), A.WORKING),
    ),
    (
        Event.THREAD_STATUS,
        "",
        {"status": "active", "active_flags": ["waitingOnApproval"]},
        dict.fromkeys((A.STARTING, *IN_TURN, *AT_REST), A.WAITING_PERMISSION),
    ),
    (
        Event.THREAD_STATUS,
        "",
        {"status": "active", "active_flags": ["waitingOnUserInput"]},
        dict.fromkeys((A.STARTING, *IN_TURN, *AT_REST), A.WAITING_INPUT),
    ),
    *((event, "t1", {}, dict.fromkeys(RUNNING, A.WORKING)) for event in (
        Event.AGENT_MESSAGE, Event.COMMAND_STARTED, Event.FILE_CHANGE_STARTED, Event.TOOL_STARTED
    )),
    *((event, "t1", {}, dict.fromkeys(RUNNING, A.THINKING)) for event in (
        Event.REASONING, Event.COMMAND_COMPLETED, Event.FILE_CHANGE_COMPLETED, Event.TOOL_COMPLETED
    )),
    (Event.COMMAND_COMPLETED, "t0", {}, {}),
    (Event.COMMAND_STARTED, "t0", {}, {}),
    (Event.ERROR, "t1", {"will_retry": True}, {}),
    (Event.ERROR, "t1", {"will_retry": True, "details": "why"}, {}),
    (Event.ERROR, "t1", {"will_retry": False}, {}),
    (
        Event.APPROVAL_REQUESTED,
        "t1",
        {"request_id": 0},
        dict.fromkeys((A.STARTING, *IN_TURN, *AT_REST), A.WAITING_PERMISSION),
    ),
    (
        Event.INPUT_REQUESTED,
        "t1",
        {"request_id": 0},
        dict.fromkeys((A.STARTING, *IN_TURN, *AT_REST), A.WAITING_INPUT),
    ),
    (Event.APPROVAL_RESOLVED, "", {"request_id": 0}, dict.fromkeys(WAITING, A.WORKING)),
    (Event.SUPERVISOR, "", {"method": "boot"}, dict.fromkeys(A, A.STARTING)),
    (Event.SUPERVISOR, "", {"method": "ready"}, dict.fromkeys((A.STARTING, A.STOPPED), A.IDLE)),
    (Event.SUPERVISOR, "", {"method": "exit", "code": 0}, dict.fromkeys(A, A.STOPPED)),
    (Event.SUPERVISOR, "", {"method": "exit", "code": 70}, dict.fromkeys(A, A.STOPPED)),
    (Event.SUPERVISOR, "", {"method": "disconnected"}, {}),
    (
        Event.SUPERVISOR,
        "",
        {"method": "subscribed", "status": "idle"},
        dict.fromkeys((*IN_TURN, *AT_REST), A.IDLE),
    ),
    (Event.USER_MESSAGE, "t1", {}, {}),
    (Event.TOKEN_USAGE, "t1", {}, {}),
    (Event.GAP, "", {}, {}),
]  # fmt: skip


@pytest.mark.parametrize("before", A)
@pytest.mark.parametrize(("event", "turn", "data", "leads"), TABLE)
def test_every_event_leads_where_the_table_says(
    before: Activity, event: Event, turn: str, data: Mapping[str, Any], leads: dict[Activity, Activity]
) -> None:
    """One activity and one event decide the next activity, and `since` moves only with it."""
    after = advance(at(before), draft(event, turn=turn, **data))
    assert after.activity is leads.get(before, before)
    assert (after.source == event) == (after.activity is not before)
    assert (after.since != "before") == (after.activity is not before)


@pytest.mark.parametrize("event", Event)
def test_a_sub_agent_never_moves_the_session(event: Event) -> None:
    """What another thread says leaves the state exactly as it is."""
    for activity in A:
        said = draft(event, turn="other", tags=(FOREIGN,), status="idle", method="exit", request_id=1)
        assert advance(at(activity), said) == at(activity)


def test_the_session_waits_until_the_last_question_is_answered() -> None:
    """With two open requests, the answer to one of them leaves the session waiting for the other."""
    state = at(A.WORKING)
    for ident, event in ((1, Event.APPROVAL_REQUESTED), (2, Event.INPUT_REQUESTED)):
        state = advance(state, draft(event, request_id=ident))
    state = advance(state, draft(Event.APPROVAL_RESOLVED, request_id=2))
    assert state.activity is A.WAITING_PERMISSION
    assert advance(state, draft(Event.APPROVAL_RESOLVED, request_id=1)).activity is A.WORKING


def test_a_repeated_question_counts_once() -> None:
    """A request that is sent again with its old id is answered by one answer."""
    state = at(A.WORKING)
    for _ in range(2):
        state = advance(state, draft(Event.APPROVAL_REQUESTED, request_id=7))
    assert advance(state, draft(Event.APPROVAL_RESOLVED, request_id=7)).activity is A.WORKING


def test_a_new_turn_has_no_old_questions() -> None:
    """What nobody answered before a turn ended is no longer waited for in the next one."""
    state = advance(at(A.WORKING), draft(Event.APPROVAL_REQUESTED, request_id=1))
    state = advance(state, draft(Event.TURN_COMPLETED, status="interrupted"))
    assert state.pending == ()


def test_doing_names_the_running_command_and_the_retry() -> None:
    """`doing` is one short line: the command, or why codex tries again."""
    state = advance(at(A.THINKING), draft(Event.COMMAND_STARTED, text="make all\nmore"))
    assert state.doing == "make all"
    state = advance(state, draft(Event.ERROR, text="Reconnecting... 1/5", will_retry=True))
    assert (state.activity, state.doing) == (A.WORKING, "Reconnecting... 1/5")
    cause = "stream disconnected\nmore"
    state = advance(state, draft(Event.ERROR, text="Reconnecting... 2/5", will_retry=True, details=cause))
    assert state.doing == "Reconnecting... 2/5: stream disconnected"


drafts = st.builds(
    draft,
    st.sampled_from(list(Event)) | st.text(max_size=5),
    turn=st.sampled_from(["", "t1", "t2"]),
    text=st.text(max_size=300),
    tags=st.sampled_from([(), (FOREIGN,), ("backfill",)]),
    status=st.sampled_from(["idle", "active", "systemError", "completed", "failed", 3, None]),
    active_flags=st.lists(st.sampled_from(["waitingOnApproval", "waitingOnUserInput", "new"])),
    method=st.sampled_from(["boot", "ready", "exit", "subscribed", "other"]),
    request_id=st.integers(0, 3),
    will_retry=st.booleans(),
)


@given(st.lists(drafts, max_size=40))
def test_the_state_is_sound_after_any_history(history: list[Draft]) -> None:
    """Only a turn has a turn id, only waiting keeps questions, and `doing` is one bounded line."""
    state = State()
    for each in history:
        state = advance(state, each)
        assert state.activity.in_turn or (not state.turn_id and not state.pending)
        assert len(state.doing) <= 200
        assert "\n" not in state.doing
        assert state.activity in WAITING or not state.pending


@given(st.lists(drafts, max_size=40), st.sampled_from(["completed", "interrupted", "failed"]))
def test_a_turn_always_comes_to_rest(history: list[Draft], status: str) -> None:
    """After its own end no turn is left running, whatever happened in it."""
    state = advance(State(), draft(Event.TURN_STARTED, turn="t9"))
    for each in history:
        state = advance(state, each)
    state = advance(state, draft(Event.TURN_COMPLETED, turn=state.turn_id, status=status))
    assert not state.activity.in_turn


@given(st.lists(drafts, max_size=40))
def test_a_history_without_what_decides_nothing_comes_to_the_same(history: list[Draft]) -> None:
    """So it can be made again from the decisive types alone."""
    every, decisive = State(), State()
    for each in history:
        every = advance(every, each)
        decisive = advance(decisive, each) if each.type in DECISIVE else decisive
    assert every == decisive


def test_another_reducer_has_another_number() -> None:
    """Stored states are used by the number: who changes what an event leads to counts `REDUCER` up."""
    said = [
        str(advance(at(before), draft(event, turn=turn, text="so", **data)))
        for event, turn, data, _ in TABLE
        for before in Activity
    ]
    assert {REDUCER: sha256("\n".join(said).encode()).hexdigest()[:12]} == {2: "5f8c9dcb21bc"}
