"""A scenario is checked when it is read, and the choice of a step follows from the request alone."""

from typing import Any

import pytest

from orchestrator.testing.model.actions import ScenarioInvalid
from orchestrator.testing.model.choice import Asked, choose, read
from orchestrator.testing.model.scenario import demo, parse


def said(text: str, role: str = "user") -> dict[str, Any]:
    kind = "input_text" if role == "user" else "output_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def called(ident: str) -> dict[str, Any]:
    return {"type": "custom_tool_call", "call_id": ident, "name": "exec", "input": "…"}


def answered(ident: str, output: Any) -> dict[str, Any]:
    return {"type": "custom_tool_call_output", "call_id": ident, "output": output}


def asked(*items: dict[str, Any], **body: Any) -> Asked:
    return read({"input": list(items), **body})


@pytest.mark.parametrize(
    ("scenario", "complaint"),
    [
        ([], "a scenario is an object"),
        ({"rule": []}, "no part of a scenario is called ['rule']"),
        ({"rules": {}}, "rules: a list expected"),
        ({"rules": [{"when": "x"}]}, "rules[0]: a rule is an object with `when` and `steps`"),
        ({"rules": [{"when": "/(/", "steps": []}]}, "rules[0].when: "),
        ({"rules": [{"when": 3, "steps": []}]}, "rules[0].when: a text"),
        ({"default": [{"say": "x"}]}, "default: a list of steps expected"),
        ({"default": [["say"]]}, "default[0][0]: an action is an object"),
        ({"default": [[{"sey": "x"}]]}, "default[0][0]: no action among ['sey']"),
        ({"default": [[{"say": "x", "think": "y"}]]}, "default[0][0]: two actions in one object"),
        ({"default": [[{"say": "x"}, {"say": 3}]]}, "default[0][1].say: str expected, not int"),
        ({"default": [[{"say": "x", "dely": 1}]]}, "default[0][0]: `say` has no option `dely`"),
        ({"default": [[{"sleep": True}]]}, "default[0][0].sleep: int or float expected, not bool"),
        ({"default": [[{"stall": -1}]]}, "default[0][0].stall: -1 is negative"),
        ({"default": [[{"usage": {"inputs": 1}}]]}, "default[0][0].usage: no count is called `inputs`"),
        ({"usage": {"input": "1"}}, "usage.input: int expected"),
    ],
)
def test_a_scenario_that_cannot_be_played_is_refused_with_the_place(scenario: object, complaint: str) -> None:
    """The message begins with the place in the scenario, and says what would be right."""
    with pytest.raises(ScenarioInvalid) as refused:
        parse(scenario)
    assert complaint in str(refused.value)


def test_the_step_is_the_number_of_tool_outputs_since_the_user_spoke() -> None:
    """Earlier turns do not count, nor what codex says in the user's name."""
    turn = [said("first"), called("a"), answered("a", "x"), said("ok", "assistant")]
    assert asked(*turn).step == 1
    assert asked(*turn, said("<environment_context>\n  <cwd>/work</cwd>")).user == "first"
    assert asked(*turn, said("second")).step == 0
    later = asked(*turn, said("second"), called("b"), answered("b", [{"type": "input_text", "text": "y"}]))
    assert (later.user, later.step, later.output, later.spoken) == ("second", 1, "y", 2)


def test_a_message_into_a_running_turn_begins_its_own_script() -> None:
    """The output of a call made before the message was steered in is none of its steps."""
    steered = asked(said("first"), called("a"), said("second"), answered("a", "late"))
    assert (steered.user, steered.step) == ("second", 0)


def test_the_head_that_codex_puts_before_an_output_is_left_out() -> None:
    """A script quotes what the command itself printed."""
    heads = ("Script completed\nWall time 0.1 seconds\nOutput:\n", "Chunk ID: 1f\nWall time: 0 s\nOutput:\n")
    for head in heads:
        assert (
            asked(said("x"), called("a"), answered("a", f"{head}hi\nOutput:\nho\n")).output
            == "hi\nOutput:\nho"
        )


RUN = {"when": "/^run (\\w+)$/", "steps": [[{"shell": "{{1}} --n {{step}}"}], [{"say": "{{out}} {{x}}"}]]}
FLAKY = [{"http": 500, "times": 2}, {"drop": True, "times": 3}, {"say": "at last"}]
SCENARIO = parse(
    {
        "title": "My thread",
        "rules": [
            {"when": "a.c", "steps": [[{"say": "literally"}]]},
            RUN,
            {"when": "retry", "steps": [FLAKY]},
        ],
        "default": [[{"say": "You said: {{user}}"}]],
    }
)


@pytest.mark.parametrize(
    ("question", "attempt", "actions"),
    [
        (Asked(user="xa.cx"), 0, [("say", "literally")]),
        (Asked(user="abc"), 0, [("say", "You said: abc")]),
        (Asked(user="run ls"), 0, [("shell", "ls --n 0")]),
        (Asked(user="run ls", step=1, output="{{user}}"), 0, [("say", "{{user}} {{x}}")]),
        (Asked(user="run ls", step=2), 0, [("say", "done")]),
        (Asked(user="retry"), 0, [("http", 500), ("drop", True), ("say", "at last")]),
        (Asked(user="retry"), 2, [("drop", True), ("say", "at last")]),
        (Asked(user="retry"), 3, [("say", "at last")]),
        (Asked(user="run ls", for_title=True), 0, [("say", '{"title": "My thread"}')]),
    ],
)
def test_the_first_rule_that_fits_answers(
    question: Asked, attempt: int, actions: list[tuple[str, object]]
) -> None:
    """Substring or regular expression, groups and outputs filled in once, retries counted, titles aside."""
    assert [(action.kind, action.value) for action in choose(SCENARIO, question, attempt)] == actions


def test_a_title_is_asked_for_by_the_form_of_the_answer() -> None:
    """Codex's screen asks for a title with a schema of its own; ordinary requests have none."""
    schema = {"properties": {"title": {"type": "string"}}}
    assert asked(said("x"), text={"format": {"type": "json_schema", "schema": schema}}).for_title
    assert not asked(said("x"), text={"verbosity": "low"}).for_title


@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        ("Hello there", ["think", "say"]),
        ("run date", ["say", "shell"]),
        ("please write notes.md", ["think", "say", "patch"]),
        ("Audit the auth flow", ["think", "say", "shell"]),
        ("ask before rm x", ["say", "approval"]),
        ("count slowly", ["slow"]),
    ],
)
def test_the_demo_is_alive(message: str, kinds: list[str]) -> None:
    """What is shipped answers each kind of message in its own way."""
    assert [action.kind for action in choose(demo(), Asked(user=message))] == kinds
