"""The rules by which a recorded line becomes events, and that nothing in a line can break them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.codex.bounds import EXCERPT
from orchestrator.codex.recording import Line, Source
from orchestrator.codex.said import SUBAGENT
from orchestrator.codex.translate import QUIET, RULES, translate, unreadable
from orchestrator.core.activity import FOREIGN
from orchestrator.core.envelope import Direction, Draft, Envelope
from orchestrator.core.events import Event

T = 1_900_000_000_000_000


def line(method: str, params: Any = None, *, source: Source = Source.LIVE, **more: Any) -> Line:
    return Line(n=7, t=T, source=source, message={"method": method, "params": params or {}, **more})


def only(drafts: list[Draft]) -> Draft:
    assert len(drafts) == 1
    return drafts[0]


def item(kind: str, **fields: Any) -> dict[str, Any]:
    return {"threadId": "main", "turnId": "t1", "item": {"type": kind, "id": "i1", **fields}}


def envelope_bytes(draft: Draft) -> bytes:
    return Envelope(seq=1, session_id="s", role="r", branch="b", draft=draft).to_line()


def test_a_user_message_is_told_once_and_by_its_first_line() -> None:
    """Live, `item/started` proves the message and its `item/completed` is dropped."""
    params = item("userMessage", clientId="m1", content=[{"type": "text", "text": "hi\n"}])
    draft = only(translate(line("item/started", params), "main"))
    assert (draft.type, draft.direction, draft.text) == (Event.USER_MESSAGE, Direction.IN, "hi\n")
    assert draft.data == {"client_id": "m1"}
    assert translate(line("item/completed", params), "main") == []


@pytest.mark.parametrize("method", ["item/started", "item/completed"])
def test_a_user_message_of_a_backfill_is_told_by_its_only_line(method: str) -> None:
    """A backfill has one line for an item that the recording lacks, and it may be of either kind."""
    params = item("userMessage", content=[{"type": "text", "text": "hi"}])
    draft = only(translate(line(method, params, source=Source.BACKFILL), "main"))
    assert (draft.type, draft.tags) == (Event.USER_MESSAGE, ("backfill",))


def test_what_is_attached_to_a_message_is_named() -> None:
    """Images stand beside the text, which stays what was written."""
    content = [{"type": "text", "text": "look"}, {"type": "localImage", "path": "/work/a.png"}]
    draft = only(translate(line("item/started", item("userMessage", content=content)), "main"))
    assert draft.text == "look"
    assert draft.data["attachments"] == [{"type": "localImage", "path": "/work/a.png"}]


@pytest.mark.parametrize("kind", ["agentMessage", "reasoning"])
def test_what_is_streamed_is_told_at_its_end(kind: str) -> None:
    """The start of a message or of reasoning is no event."""
    assert translate(line("item/started", item(kind, text="")), "main") == []
    assert len(translate(line("item/completed", item(kind, text="x")), "main")) == 1


def test_messages_are_whole_and_everything_else_is_bounded() -> None:
    """A message of any length keeps every character; an output keeps its head, its tail and a marker."""
    long = "ä" * 300_000
    said = only(translate(line("item/completed", item("agentMessage", text=long)), "main"))
    assert said.text == long
    ran = item("commandExecution", command=long, aggregatedOutput="first" + long + "last", exitCode=0)
    draft = only(translate(line("item/completed", ran), "main"))
    assert len(draft.text) < EXCERPT + 100
    assert draft.data["output"].startswith("first")
    assert draft.data["output"].endswith("last")
    assert "characters left out" in draft.data["output"]


def test_the_answer_of_a_turn_is_its_last_message_that_is_no_commentary() -> None:
    """Commentary is not an answer; the answer is whole."""
    items = [
        {"type": "agentMessage", "text": "first", "phase": "final_answer"},
        {"type": "agentMessage", "text": "x" * 100_000, "phase": None},
        {"type": "agentMessage", "text": "on it", "phase": "commentary"},
    ]
    params = {"threadId": "main", "turn": {"id": "t", "status": "completed", "items": items}}
    assert only(translate(line("turn/completed", params), "main")).data["answer"] == "x" * 100_000


@pytest.mark.parametrize(
    ("source", "expected"),
    [(Source.LIVE, "2030-03-17T17:46:40"), (Source.BACKFILL, "2020-01-01T00:00:02")],
)
def test_a_late_line_tells_of_the_time_at_which_it_happened(source: Source, expected: str) -> None:
    """A live line happened when it was written; a backfilled one when its payload says."""
    params = item("agentMessage", text="x") | {"startedAtMs": 1577836801000, "completedAtMs": 1577836802000}
    draft = only(translate(line("item/completed", params, source=source), "main"))
    assert draft.timestamp.startswith(expected)


def test_another_thread_is_marked() -> None:
    """What a sub-agent says carries its thread and a tag that keeps it from moving the session."""
    params = item("agentMessage", text="x") | {"threadId": "child"}
    draft = only(translate(line("item/completed", params), "main"))
    assert draft.tags == (SUBAGENT,)
    assert draft.data["thread_id"] == "child"
    assert SUBAGENT == FOREIGN
    assert only(translate(line("item/completed", params), "")).tags == ()


@pytest.mark.parametrize(
    "method", ["item/commandExecution/requestApproval", "item/tool/requestUserInput", "execCommandApproval"]
)
def test_what_a_person_must_answer_says_so(method: str) -> None:
    """Requests need the operator and keep the id that an answer has to carry."""
    draft = only(translate(line(method, {"threadId": "main", "turnId": "t"}, id=0), "main"))
    assert draft.requires_operator
    assert draft.data["request_id"] == 0


def test_a_method_of_tomorrow_is_kept() -> None:
    """What nobody has named yet is an event with its payload."""
    draft = only(translate(line("thread/dreamt", {"threadId": "main", "dream": 1}, id="q"), "main"))
    assert draft.type == Event.CODEX
    assert draft.data == {
        "method": "thread/dreamt",
        "request_id": "q",
        "params": {"threadId": "main", "dream": 1},
    }


def test_quiet_methods_are_not_also_rules() -> None:
    """A method is an event or it is not."""
    assert not QUIET & RULES.keys()


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({}, "no method"),
        ({"method": 3}, "3"),
        ({"method": "item/started", "params": {"item": "x"}}, "without item"),
        ({"method": "item/started", "params": {"item": {}}}, "without a type"),
        ({"method": "turn/completed", "params": {}}, "without turn"),
        ({"method": "turn/started", "params": [1]}, "without an object of params"),
    ],
)
def test_an_odd_line_is_a_warning_with_its_number(message: dict[str, Any], why: str) -> None:
    """What cannot be understood is told as such, never dropped and never an exception."""
    draft = only(translate(Line(n=7, t=T, source=Source.LIVE, message=message), "main"))
    assert draft.type in {Event.WARNING, Event.CODEX}
    assert why in draft.text
    assert draft.type == Event.CODEX or draft.data["line"] == 7


def test_an_unreadable_line_is_a_warning_with_its_number_where_it_has_one() -> None:
    """A torn or foreign line leaves a trace in the history."""
    now = "2030-01-01T00:00:00.000000Z"
    draft = unreadable(b'{"v":2,"n":41,"t":1}', "schema version 2", now)
    assert (draft.type, draft.timestamp, draft.data["line"]) == (Event.WARNING, now, 41)
    assert unreadable(b"\xff\x00", "not JSON", now).data["line"] is None


def test_half_a_character_is_replaced() -> None:
    """A lone surrogate, which JSON can carry and UTF-8 cannot, is written as a question mark."""
    params = item("agentMessage", text="a\ud800", phase="\udfff")
    draft = only(translate(line("item/completed", params), "main"))
    assert (draft.text, draft.data["phase"]) == ("a?", "?")
    assert envelope_bytes(draft)


METHODS = st.sampled_from([*RULES, "supervisor/gap", "supervisor/tampered", "supervisor/exit", "new", ""])
KEYS = st.sampled_from(
    [
        *("threadId", "turnId", "item", "turn", "type", "id", "text", "content", "changes", "path", "kind"),
        *("status", "items", "error", "tokenUsage", "last", "total", "modelContextWindow", "totalTokens"),
        *("diff", "questions", "command", "codexErrorInfo", "activeFlags", "since", "lost", "startedAtMs"),
    ]
)
WORDS = st.sampled_from(
    ["userMessage", "agentMessage", "commandExecution", "fileChange", "mcpToolCall", "plan"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=8)
    ),
    max_leaves=20,
)
LINES = st.builds(
    Line,
    n=st.integers(),
    t=st.integers(),
    source=st.sampled_from(Source),
    message=st.fixed_dictionaries(
        {"method": METHODS | ANYTHING, "params": st.dictionaries(KEYS, ANYTHING, max_size=8) | ANYTHING},
        optional={"id": ANYTHING, "emittedAtMs": ANYTHING},
    ),
)


@given(LINES)
def test_no_line_breaks_the_translation(each: Line) -> None:
    """Whatever a payload holds, it becomes bounded events that can be written and read back."""
    for draft in translate(each, "main"):
        written = envelope_bytes(draft)
        assert Envelope.from_json(json.loads(written)).draft.type == draft.type
        assert len(written) < 70_000


@given(st.binary(max_size=300), st.text(max_size=300))
def test_no_bytes_break_the_warning_about_them(data: bytes, reason: str) -> None:
    """An unreadable line is told whatever it is made of."""
    assert envelope_bytes(unreadable(data, reason, "2030-01-01T00:00:00.000000Z"))


@pytest.mark.parametrize("kind", ["mcpToolCall", "fileChange", "commandExecution", "hookPrompt"])
def test_a_huge_payload_becomes_a_small_event(kind: str) -> None:
    """A megabyte in any field, or in very many of them, stays under the limit of a draft."""
    huge: dict[str, Any] = {f"k{n}": "ü" * 9000 for n in range(300)}
    changes = [{"path": f"/work/{n}/" + "p" * 3000, "diff": "d" * 9000, "kind": "add"} for n in range(500)]
    params = item(
        kind,
        arguments=huge,
        changes=changes,
        aggregatedOutput="o" * 10**6,
        fragments=huge,
        result=[huge] * 300,
    )
    draft = only(translate(line("item/completed", params), "main"))
    assert len(envelope_bytes(draft)) < 80_000
