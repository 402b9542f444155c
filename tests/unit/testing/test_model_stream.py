"""A response's stream: what is sent for each action, with the tools that each kind of model has."""

from typing import Any

import pytest

from orchestrator.testing.model.actions import action
from orchestrator.testing.model.sse import Cut, Gate, Part, Pause, Send, play
from orchestrator.testing.model.tools import offered

CODE = frozenset({"exec", "wait"})
CLASSIC = frozenset({"exec_command", "apply_patch"})
OLD = frozenset({"shell"})


def parts(*actions: dict[str, Any], tools: frozenset[str] = CODE) -> list[Part]:
    checked = [action(value, "here") for value in actions]
    return list(play(checked, tools, "resp_1", {}))


def items(*actions: dict[str, Any], tools: frozenset[str] = CODE) -> list[dict[str, Any]]:
    sent = [part for part in parts(*actions, tools=tools) if isinstance(part, Send)]
    return [dict(part.fields["item"]) for part in sent if part.event == "response.output_item.done"]


def test_a_message_is_sent_in_pieces_that_add_up() -> None:
    """Each piece is a delta, with a pause behind it; the whole comes at the end, then the completion."""
    stream = parts({"say": "hello world", "chunk": 4, "delay": 0.5})
    deltas = [p.fields["delta"] for p in stream if isinstance(p, Send) and p.event.endswith("text.delta")]
    assert deltas == ["hell", "o wo", "rld"]
    assert stream.count(Pause(0.5)) == 3
    assert isinstance(stream[-1], Send)
    assert stream[-1].event == "response.completed"
    assert items({"say": "hello"})[0]["content"][0]["text"] == "hello"


@pytest.mark.parametrize(
    ("tools", "name", "needle"),
    [
        (CODE, "exec", 'tools.exec_command({"cmd": "ls"'),
        (CLASSIC, "exec_command", '"cmd": "ls"'),
        (frozenset({"shell_command"}), "shell_command", '"command": "ls"'),
        (OLD, "shell", '["bash", "-lc", "ls"]'),
    ],
)
@pytest.mark.parametrize("kind", ["shell", "approval"])
def test_a_command_is_called_as_the_model_would(
    kind: str, tools: frozenset[str], name: str, needle: str
) -> None:
    """JavaScript for code mode, a function otherwise; an approval says why it should be allowed."""
    [item] = items({kind: "ls"}, tools=tools)
    text = item.get("input") or item["arguments"]
    assert item["name"] == name
    assert needle in text
    assert ("require_escalated" in text) == ("justification" in text) == (kind == "approval")


@pytest.mark.parametrize(("tools", "name"), [(CODE, "exec"), (CLASSIC, "apply_patch"), (OLD, "shell")])
def test_a_patch_is_called_as_the_model_would(tools: frozenset[str], name: str) -> None:
    """By the patch tool where there is one, else from the shell, which codex knows too."""
    [item] = items({"patch": "*** Begin Patch\n*** End Patch"}, tools=tools)
    assert item["name"] == name
    assert "*** Begin Patch" in (item.get("input") or item["arguments"])


@pytest.mark.parametrize(
    ("breaking", "last"),
    [
        ({"drop": True}, None),
        ({"stall": 3}, Pause(3)),
        ({"fail": "server_is_overloaded"}, "response.failed"),
        ({"incomplete": "max_output_tokens"}, "response.incomplete"),
    ],
)
def test_a_stream_that_breaks_is_cut_there(breaking: dict[str, Any], last: object) -> None:
    """Nothing comes behind the cut, and never a completion."""
    stream = parts({"say": "half"}, breaking, {"say": "never"})
    assert isinstance(stream[-1], Cut)
    events = [p.event for p in stream if isinstance(p, Send)]
    assert "response.completed" not in events
    if last is not None:
        assert last in (stream[-2], events[-1])


def test_a_drop_that_is_off_cuts_nothing() -> None:
    """`drop: false` is a way to switch it off."""
    assert not any(isinstance(part, Cut) for part in parts({"drop": False}))


def test_gates_counts_and_the_end_of_a_turn_are_passed_on() -> None:
    """`wait` names a gate, `usage` counts wherever it stands, `end_turn` goes into the completion."""
    stream = parts({"wait": "g"}, {"sleep": 2}, {"usage": {"input": 7, "output": 3}}, {"end_turn": False})
    assert stream[1:3] == [Gate("g"), Pause(2)]
    assert isinstance(stream[-1], Send)
    response = stream[-1].fields["response"]
    assert response["usage"]["total_tokens"] == 10
    assert response["end_turn"] is False


def test_identifiers_of_one_response_are_all_different() -> None:
    """Two calls of one response must not share a call id."""
    first, second = items({"shell": "a"}, {"shell": "b"})
    assert first["call_id"] != second["call_id"]


def test_tools_are_found_wherever_codex_puts_them() -> None:
    """In `tools`, in namespaces, and in the item that code-mode models get."""
    namespaced = {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}
    assert offered({"input": [{"type": "additional_tools", "tools": [namespaced]}]}) == {"exec"}
    assert offered({"tools": [{"type": "function", "name": "exec_command"}, {"type": "web_search"}]}) == {
        "exec_command",
        "web_search",
    }
