"""A rollout read as it grows, whatever the agent puts in its place."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.codex.recording import Line, Source
from orchestrator.supervisor.index import LogIndex
from orchestrator.supervisor.privileges import Agent
from orchestrator.supervisor.rollout_tail import Rollouts


def record(kind: str, **payload: Any) -> str:
    passed = {"internal_chat_message_metadata_passthrough": {"turn_id": "t"}}
    return json.dumps({"type": "response_item", "payload": {"type": kind, **payload, **passed}}) + "\n"


ASKED = record("custom_tool_call", call_id="c", input='tools.exec_command({"cmd": "ls"})')
ANSWERED = record("custom_tool_call_output", call_id="c", output="denied")


@pytest.fixture
def rollouts() -> Rollouts:
    """Rollouts that are read as whoever runs the tests."""
    return Rollouts(Agent(os.geteuid(), os.getegid()), "/work")


def commands(rollouts: Rollouts) -> list[str]:
    return [message["params"]["item"]["command"] for message in rollouts.step(LogIndex()).hidden]


def told(index: LogIndex, gaps: list[dict[str, Any]]) -> list[str]:
    """Record the gaps, as the supervisor does; why each is one."""
    for gap in gaps:
        message = {"method": "supervisor/gap", "params": gap}
        index.observe(Line(n=index.lines + 1, t=0, source=Source.SUPERVISOR, message=message))
    return [gap["why"] for gap in gaps]


def test_a_finished_call_is_judged_one_step_later(rollouts: Rollouts, tmp_path: Path) -> None:
    """The log may hear of the command a moment after the rollout does."""
    path = tmp_path / "r"
    rollouts.add("th", str(path))
    assert commands(rollouts) == []
    path.write_text(ASKED + ANSWERED[:20])
    assert commands(rollouts) == []
    path.write_text(ASKED + ANSWERED)
    assert commands(rollouts) == []
    assert commands(rollouts) == ["ls"]
    assert commands(rollouts) == []


def test_a_long_rollout_is_read_in_one_step(rollouts: Rollouts, tmp_path: Path) -> None:
    """After a restart it is read from its beginning, past megabytes that do not matter."""
    path = tmp_path / "r"
    path.write_text(("x" * 999 + "\n") * 5000 + ASKED + ANSWERED)
    rollouts.add("th", str(path))
    rollouts.step(LogIndex())
    assert commands(rollouts) == ["ls"]


@pytest.mark.parametrize("what", ["fifo", "link", "noise"])
def test_nothing_in_its_place_holds_the_reader_up(rollouts: Rollouts, tmp_path: Path, what: str) -> None:
    """A pipe would block, a link could lead anywhere, noise is no record."""
    path = tmp_path / "r"
    match what:
        case "fifo":
            os.mkfifo(path)
        case "link":
            (tmp_path / "x").write_text(ASKED + ANSWERED)
            path.symlink_to(tmp_path / "x")
        case _:
            path.write_bytes(b'"nothing" \xff\n["function_call"]\n\n')
    rollouts.add("th", str(path))
    rollouts.step(LogIndex())
    assert commands(rollouts) == []


DEEP = "[" * 100_000
UNREADABLE = [
    '{"custom_tool_call": torn\n',
    f'{{"type": "response_item", "payload": {{"type": "function_call", "x": {DEEP}}}}}\n',
    record("custom_tool_call", call_id="c", input="exec_command" * 100_000),
    '{"type": "function_call", "n": ' + "9" * 5000 + "}\n",
]


@pytest.mark.parametrize("bad", UNREADABLE, ids=["torn", "deep", "long", "number"])
def test_a_line_that_cannot_be_read_is_told_once_and_what_follows_it_is_read(
    rollouts: Rollouts, tmp_path: Path, bad: str
) -> None:
    """Also across restarts, after which the rollout is read from its beginning."""
    path, index = tmp_path / "r", LogIndex()
    path.write_text(bad + ASKED + ANSWERED)
    rollouts.add("th", str(path))
    [why] = told(index, rollouts.step(index).gaps)
    assert "th's rollout cannot be read" in why
    found = rollouts.step(index)
    assert (len(found.hidden), found.gaps) == (1, [])
    again = Rollouts(Agent(os.geteuid(), os.getegid()), "/work")
    again.add("th", str(path))
    assert again.step(index).gaps == []
    with path.open("a") as file:
        file.write(bad)
    assert len(told(index, again.step(index).gaps)) == 1


def test_a_line_that_is_longer_than_any_of_codexs_is_told_and_passed_over(
    rollouts: Rollouts, tmp_path: Path
) -> None:
    """It never lies in memory as a whole, and its end is no line of its own."""
    path, index = tmp_path / "r", LogIndex()
    with path.open("w") as file:
        for _ in range(40):
            file.write("x" * (1 << 20))
        file.write('"custom_tool_call"\n' + ASKED + ANSWERED)
    rollouts.add("th", str(path))
    whys = [why for _ in range(5) for why in told(index, rollouts.step(index).gaps)]
    assert len(whys) == 1
    assert "longer than" in whys[0]
    fresh = Rollouts(Agent(os.geteuid(), os.getegid()), "/work")
    fresh.add("th", str(path))
    found = [fresh.step(index) for _ in range(5)]
    assert [len(one.hidden) for one in found].count(1) == 1
    assert not any(one.gaps for one in found)


def test_a_flood_of_unreadable_lines_does_not_flood_the_recording(rollouts: Rollouts, tmp_path: Path) -> None:
    """Some are told singly, all the others of one step together."""
    path, index = tmp_path / "r", LogIndex()
    path.write_text(UNREADABLE[0] * 5000)
    rollouts.add("th", str(path))
    whys = told(index, rollouts.step(index).gaps)
    assert len(whys) == 17
    assert whys[-1].startswith("4984 more lines")
    assert rollouts.step(index).gaps == []


MARKED = st.sampled_from(
    ["custom_tool_call", "function_call", "custom_tool_call_output", "function_call_output"]
)
SCRIPTS = st.from_regex(
    r"exec_command\(\{cmd: \"\\(u\{[0-9a-f]{1,12}\}|u[0-9a-f]{4}|x[0-9a-f]{2}|[a-z])\"", fullmatch=True
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | SCRIPTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
FIELDS = {
    "call_id": st.just("x") | ANYTHING,
    "name": st.sampled_from(["shell", "exec_command"]) | ANYTHING,
    "input": SCRIPTS | ANYTHING,
    "arguments": ANYTHING.map(json.dumps) | ANYTHING | st.just(DEEP),
    "output": ANYTHING,
    "internal_chat_message_metadata_passthrough": ANYTHING,
}
CALLS = st.fixed_dictionaries({"type": MARKED}, optional=FIELDS)
ODD = st.fixed_dictionaries({"type": MARKED | ANYTHING}, optional={"payload": ANYTHING})
LINES = st.fixed_dictionaries({"type": st.just("response_item"), "payload": CALLS}) | ODD


@given(st.lists(st.binary(max_size=40) | LINES.map(lambda line: json.dumps(line).encode()), max_size=5))
def test_no_bytes_in_a_rollout_end_the_reading(lines: list[bytes]) -> None:
    """Whatever the agent writes there, the next call is found."""
    reader = Rollouts(Agent(os.geteuid(), os.getegid()), "/work")
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join([*lines, b""]) + (ASKED + ANSWERED).replace('"c"', '"mine"').encode())
        file.flush()
        reader.add("th", file.name)
        reader.step(LogIndex())
        found = reader.step(LogIndex()).hidden
    assert "hidden-mine-1" in [message["params"]["item"]["id"] for message in found]
