"""What is written afterwards, and what is ended because nobody else will."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.codex.recording import Line, Source
from orchestrator.supervisor import backfill, closing
from orchestrator.supervisor.index import LogIndex

Message = dict[str, Any]


def written(index: LogIndex, messages: list[Message]) -> None:
    for message in messages:
        index.observe(Line(n=index.lines + 1, t=0, source=Source.BACKFILL, message=message))


def turn(name: str, status: str = "completed") -> Message:
    return {"id": name, "status": status, "items": [{"id": "answer"}], "itemsView": "summary"}


def entry(name: str, *, completed: bool = True) -> Message:
    item = {"id": name, "type": "agentMessage"}
    return {"item": item, "startedAtMs": 1, "completedAtMs": 2 if completed else None}


def methods(messages: list[Message]) -> list[str]:
    return [message["method"] for message in messages]


def test_an_unknown_turn_is_written_whole() -> None:
    """Its start, its items, its end, in codex's own shape."""
    found = backfill.messages(LogIndex(), "th", [turn("t")], {"t": [entry("a"), entry("b")]})
    assert methods(found) == ["turn/started", "item/completed", "item/completed", "turn/completed"]
    assert found[0]["params"]["turn"]["status"] == "inProgress"
    assert found[1]["params"] == {
        "item": {"id": "a", "type": "agentMessage"},
        "threadId": "th",
        "turnId": "t",
        "completedAtMs": 2,
    }
    assert found[-1]["params"] == {"threadId": "th", "turn": turn("t")}


def test_of_an_open_turn_only_what_is_missing_is_written() -> None:
    """What the log has is not said again."""
    index = LogIndex()
    written(index, backfill.messages(index, "th", [turn("t", "inProgress")], {"t": [entry("a")]}))
    found = backfill.messages(index, "th", [turn("t")], {"t": [entry("a"), entry("b")]})
    assert methods(found) == ["item/completed", "turn/completed"]
    assert found[0]["params"]["item"]["id"] == "b"


def test_a_user_message_that_was_begun_in_the_log_is_not_said_again() -> None:
    """Its first line is the message for every reader; an agent's item still gets its end."""
    index = LogIndex()
    begun = [entry("u", completed=False), entry("a", completed=False)]
    begun[0]["item"]["type"] = "userMessage"
    written(index, backfill.messages(index, "th", [turn("t", "inProgress")], {"t": begun}))
    ended = [{**one, "completedAtMs": 2} for one in begun]
    found = backfill.messages(index, "th", [turn("t")], {"t": ended})
    assert methods(found) == ["item/completed", "turn/completed"]
    assert found[0]["params"]["item"]["id"] == "a"


def test_a_turn_that_still_runs_is_left_open_with_its_running_item() -> None:
    """An item without an end is begun, once."""
    index = LogIndex()
    page = {"t": [entry("a", completed=False)]}
    found = backfill.messages(index, "th", [turn("t", "inProgress")], page)
    assert methods(found) == ["turn/started", "item/started"]
    written(index, found)
    assert backfill.messages(index, "th", [turn("t", "inProgress")], page) == []


@given(
    turns=st.integers(1, 5),
    items=st.integers(0, 4),
    cut=st.integers(0, 40),
)
def test_a_back_fill_that_is_cut_off_anywhere_is_completed_by_the_next(
    turns: int, items: int, cut: int
) -> None:
    """Exactly once: both runs together are one run."""
    names = [f"t{n}" for n in range(turns)]
    entries = {name: [entry(f"{name}-{n}") for n in range(items)] for name in names}

    def run(index: LogIndex) -> list[Message]:
        missing, _ = backfill.missing_turns(index, [turn(name) for name in reversed(names)])
        return backfill.messages(index, "th", missing[::-1], entries)

    whole = run(LogIndex())
    index = LogIndex()
    first = run(index)[:cut]
    written(index, first)
    second = run(index)
    assert first + second == whole
    written(index, second)
    assert run(index) == []


def test_reading_stops_at_the_first_turn_that_is_whole() -> None:
    """Everything older is whole too: there is no need to page through years."""
    index = LogIndex()
    index.closed_turns.add("b")
    assert backfill.missing_turns(index, [turn("c"), turn("b"), turn("a")]) == ([turn("c")], False)
    assert backfill.missing_turns(index, [turn("c")]) == ([turn("c")], True)


def test_a_live_message_and_its_back_fill_have_one_key() -> None:
    """Only what names a turn or an item can be said twice."""
    [started, completed, ended] = backfill.messages(LogIndex(), "th", [turn("t")], {"t": [entry("a")]})
    assert backfill.key(started) == ("turn/started", "t")
    assert backfill.key(completed) == ("item/completed", "a")
    assert backfill.key(ended) == ("turn/completed", "t")
    assert backfill.key({"method": "item/agentMessage/delta", "params": {"itemId": "a"}}) is None


def test_what_was_back_filled_as_ended_does_not_begin_live() -> None:
    """Codex may still have the beginning on the way: the message of a person would be there twice."""
    [_, completed, _] = backfill.messages(LogIndex(), "th", [turn("t")], {"t": [entry("a")]})
    assert backfill.settled(completed) == {("item/started", "a"), ("item/completed", "a")}
    begun = {"method": "item/started", "params": {"item": {"id": "a"}}}
    assert backfill.settled(begun) == {("item/started", "a")}
    assert backfill.settled({"method": "thread/status/changed", "params": {}}) == set()


def opened() -> LogIndex:
    """A log with an open turn and two open questions, one of another thread."""
    index = LogIndex()
    started = {"method": "turn/started", "params": {"threadId": "th", "turn": {"id": "t"}}}
    ask = {"method": "item/x/requestApproval", "id": 0, "params": {"threadId": "th", "turnId": "t"}}
    other = {"method": "item/x/requestApproval", "id": 1, "params": {"threadId": "sub", "turnId": "u"}}
    written(index, [started, ask, other])
    return index


def test_everything_open_is_closed_and_then_nothing_is_left() -> None:
    """Questions are taken back, turns are interrupted."""
    index = opened()
    found = closing.requests(index)
    assert [m["params"] for m in found] == [
        {"threadId": "th", "requestId": 0},
        {"threadId": "sub", "requestId": 1},
    ]
    written(index, found)
    found = closing.turns(index)
    assert [m["params"]["turn"]["status"] for m in found] == ["interrupted"]
    written(index, found)
    assert (closing.requests(index), closing.turns(index)) == ([], [])


def test_a_turn_that_still_runs_is_not_closed() -> None:
    """Codex's list knows better than the silence of the log."""
    assert closing.turns(opened(), running={"t"}) == []


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ([], []),
        (["completed"], ["completed"]),
        (["inProgress"], ["inProgress"]),
        (["inProgress", "inProgress"], ["interrupted", "inProgress"]),
        (["inProgress", "completed"], ["interrupted", "completed"]),
        (["failed", "inProgress", "inProgress"], ["failed", "interrupted", "inProgress"]),
    ],
)
def test_only_the_newest_turn_can_be_in_progress(listed: list[str], told: list[str]) -> None:
    """Codex says so of one that an app-server's death cut off, too, as long as another turn runs."""
    turns = [turn(f"{n}", status) for n, status in enumerate(listed)]
    assert [each["status"] for each in closing.cut_off(turns)] == told
    assert [each["id"] for each in closing.cut_off(turns)] == [each["id"] for each in turns]


@pytest.mark.parametrize(
    ("opened_in_log", "listed", "doubtful"),
    [
        ((), (), False),
        ((), (("t", "completed"),), False),
        ((), (("t", "failed"),), False),
        ((), (("t", "inProgress"),), False),
        ((), (("t", "interrupted"),), True),
        ((), (("a", "interrupted"), ("t", "inProgress")), False),
        ((), (("a", "interrupted"), ("t", "completed")), False),
        ((), (("a", "completed"), ("t", "interrupted")), True),
        (("th:t",), (), True),
        (("th:t",), (("t", "interrupted"),), True),
        (("th:t",), (("t", "inProgress"),), False),
        (("th:t",), (("t", "completed"),), False),
        (("th:t",), (("a", "completed"),), True),
        (("sub:t",), (), False),
        (("sub:t",), (("a", "completed"),), False),
    ],
)
def test_a_turn_that_may_just_have_begun_is_called_over_by_no_single_look(
    opened_in_log: tuple[str, ...],
    listed: tuple[tuple[str, str], ...],
    doubtful: bool,  # noqa: FBT001 - a table
) -> None:
    """For a moment codex leaves the newest turn out, or calls it interrupted; older ones are over."""
    index = LogIndex()
    for thread_id, _, turn_id in (name.partition(":") for name in opened_in_log):
        params = {"threadId": thread_id, "turn": {"id": turn_id}}
        written(index, [{"method": "turn/started", "params": params}])
    assert closing.in_doubt(index, "th", [turn(*one) for one in listed]) is doubtful


def test_after_a_reconnect_questions_stay_open_only_while_codex_waits() -> None:
    """Codex asks again what is still open; what it no longer waits for was answered unheard."""
    index = opened()
    assert closing.answered_meanwhile(index, "th", ["waitingOnApproval"]) == []
    [resolved] = closing.answered_meanwhile(index, "th", [])
    assert resolved["params"] == {"threadId": "th", "requestId": 0}
