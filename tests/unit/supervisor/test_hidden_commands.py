"""Commands that only the rollout knows of."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.codex.recording import Line, Source
from orchestrator.supervisor.index import LogIndex
from orchestrator.supervisor.rollout import Call, Calls, Judge, literals

Record = dict[str, Any]


def asked(source: str, call_id: str = "c1") -> Record:
    return record("custom_tool_call", call_id=call_id, name="exec", input=source)


def answered(output: Any = "out", call_id: str = "c1") -> Record:
    return record("custom_tool_call_output", call_id=call_id, output=output)


def record(kind: str, **payload: Any) -> Record:
    passed = {"internal_chat_message_metadata_passthrough": {"turn_id": "t"}}
    return {"type": "response_item", "payload": {"type": kind, **payload, **passed}}


def finished(*records: Record) -> list[Call]:
    calls = Calls()
    return [call for one in records if (call := calls.observe(one)) is not None]


def knowing(*commands: str) -> LogIndex:
    """A log that has an item for each of these commands."""
    index = LogIndex()
    for number, command in enumerate(commands):
        item = {"id": f"i{number}", "type": "commandExecution", "command": command}
        message = {"method": "item/completed", "params": {"threadId": "th", "turnId": "t", "item": item}}
        index.observe(Line(n=number + 1, t=0, source=Source.LIVE, message=message))
    return index


def hidden(index: LogIndex, *calls: Call) -> list[str]:
    judge = Judge("th", "/work")
    return [m["params"]["item"]["command"] for call in calls for m in judge.hidden(index, call)]


SCRIPT = 'const r = await tools.exec_command({"cmd": "echo x > a; exit 1"});\ntext(r.output);\n'


def test_a_command_without_an_item_is_reported_with_the_calls_output() -> None:
    """In the shape of codex's own item, marked as hidden, with an exit code that nobody knows."""
    [call] = finished(asked(SCRIPT), answered([{"type": "input_text", "text": "Permission denied"}]))
    [message] = Judge("th", "/work").hidden(LogIndex(), call)
    params = message["params"]
    assert (message["method"], params["threadId"], params["turnId"]) == ("item/completed", "th", "t")
    assert params["item"] == {
        "type": "commandExecution",
        "id": "hidden-c1-1",
        "command": "echo x > a; exit 1",
        "cwd": "/work",
        "status": "failed",
        "aggregatedOutput": "Permission denied",
        "exitCode": None,
        "durationMs": None,
        "hidden": True,
    }


def test_a_command_with_an_item_is_not_hidden() -> None:
    """Codex shows the shell's command line, the call has the script: they are one."""
    calls = finished(asked(SCRIPT), answered())
    assert hidden(knowing("/bin/bash -lc 'echo x > a; exit 1'"), *calls) == []


def test_one_item_excuses_one_run() -> None:
    """The same command twice and one item: one run was hidden."""
    calls = finished(asked(SCRIPT), answered(), asked(SCRIPT, "c2"), answered(call_id="c2"))
    assert len(hidden(knowing("/bin/bash -lc 'echo x > a; exit 1'"), *calls)) == 1


def test_a_command_that_was_reported_is_not_reported_again() -> None:
    """After a restart the rollout is read from its beginning."""
    [call] = finished(asked(SCRIPT), answered())
    index = LogIndex()
    [message] = Judge("th", "/work").hidden(index, call)
    index.observe(Line(n=1, t=0, source=Source.ROLLOUT, message=message))
    assert Judge("th", "/work").hidden(index, call) == []


def test_a_call_whose_command_cannot_be_read_is_judged_by_the_count() -> None:
    """A command that is put together at run time: any item that is left over may be its."""
    source = "const c = ['ec', 'ho']; await tools.exec_command({cmd: c.join('')});"
    calls = finished(asked(source), answered())
    assert hidden(knowing("/bin/bash -lc 'echo'"), *calls) == []
    assert hidden(LogIndex(), *calls) == [source]


def test_a_call_that_is_still_running_is_not_judged() -> None:
    """Its command may yet be heard of."""
    assert finished(asked(SCRIPT)) == []


@pytest.mark.parametrize(
    "name_and_arguments",
    [
        ("exec_command", {"cmd": "ls"}),
        ("shell_command", {"command": "ls"}),
        ("shell", {"command": ["bash", "-lc", "ls"]}),
    ],
)
def test_the_classic_tools_are_read_too(name_and_arguments: tuple[str, Record]) -> None:
    """Models without code mode call them as functions."""
    name, arguments = name_and_arguments
    call = record("function_call", call_id="c", name=name, arguments=json.dumps(arguments))
    output = record("function_call_output", call_id="c", output="denied")
    assert hidden(LogIndex(), *finished(call, output)) == ["ls"]


@pytest.mark.parametrize(
    "one",
    [
        record("custom_tool_call", call_id="c", name="exec", input="text('no command')"),
        record("function_call", call_id="c", name="spawn_agent", arguments="{}"),
        {"type": "event_msg", "payload": {"type": "task_started"}},
        {"type": "response_item", "payload": None},
        {},
    ],
)
def test_what_runs_no_command_is_passed_over(one: Record) -> None:
    """Other tools, other records, and what is no record at all."""
    assert finished(one, record("custom_tool_call_output", call_id="c", output="")) == []


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_a_literal_is_read_as_javascript_reads_it(command: str) -> None:
    """Whatever is in it: JSON's strings are JavaScript's."""
    assert literals(f"tools.exec_command({{cmd: {json.dumps(command)}, workdir: '/x'}})") == (command,)
    assert literals(f'tools.exec_command({{"cmd":{json.dumps(command, ensure_ascii=False)}}})') == (command,)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (r"f({cmd: 'it\'s'})", ("it's",)),
        ("f({cmd: `a\nb`})", ("a\nb",)),
        ("f({cmd: `a${x}`})", ()),
        (r'f({cmd: "\u{1F600}\x41\n"})', ("\U0001f600A\n",)),
        (r'f({cmd: "\u{110000}\u{ffffffffff}\u{d800}"})', (r"\u{110000}\u{ffffffffff}" + "\ufffd",)),
        ("f({cmd: x})", ()),
        ("f({xcmd: 'a'})", ()),
        ("f({cmd: 'a'}); f({cmd: 'b'})", ("a", "b")),
    ],
)
def test_other_forms_of_literals(source: str, found: tuple[str, ...]) -> None:
    """Three kinds of quotes; a template with a hole is no literal."""
    assert literals(source) == found


def test_a_literal_of_megabytes_takes_no_multiple_of_its_memory() -> None:
    """The kernel ends whoever takes the most, and that must not be the supervisor."""
    source = 'exec_command({cmd: "' + "a" * (1 << 20) + '"})'
    tracemalloc.start()
    try:
        [command] = literals(source)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(command) == 1 << 20
    assert peak < 10 * len(source)


def test_calls_that_never_end_are_forgotten_in_their_order() -> None:
    """An interrupted call has no output; the latest ones are remembered."""
    calls = Calls()
    for number in range(1000):
        calls.observe(asked(SCRIPT, f"c{number}"))
    assert calls.observe(answered(call_id="c0")) is None
    assert calls.observe(answered(call_id="c999")) is not None
