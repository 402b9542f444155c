"""What the log already holds: turns, items, questions, commands; and the file under it."""

import os
import resource
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.codex import recording
from orchestrator.codex.recording import Line, Source
from orchestrator.supervisor import backfill
from orchestrator.supervisor.ending import Fatal
from orchestrator.supervisor.index import LogIndex, script_of
from orchestrator.supervisor.log import Echo, Log
from orchestrator.supervisor.recorder import Recorder

METHODS = st.sampled_from(
    [
        "turn/started",
        "turn/completed",
        "item/started",
        "item/completed",
        "serverRequest/resolved",
        "thread/started",
        "supervisor/thread",
        "supervisor/gap",
        "item/commandExecution/requestApproval",
    ]
)
FIELDS = st.sampled_from(
    [
        "threadId",
        "turnId",
        "turn",
        "item",
        "thread",
        "id",
        "type",
        "command",
        "requestId",
        "rolloutAt",
        "status",
    ]
)


def index_of(*messages: dict[str, Any], source: Source = Source.LIVE) -> LogIndex:
    index = LogIndex()
    for number, message in enumerate(messages, 1):
        index.observe(Line(n=number, t=number * 10, source=source, message=message))
    return index


def turn(method: str, turn_id: str = "t1", thread: str = "th") -> dict[str, Any]:
    return {"method": f"turn/{method}", "params": {"threadId": thread, "turn": {"id": turn_id}}}


def item(method: str, item_id: str = "i1", turn_id: str = "t1", **more: Any) -> dict[str, Any]:
    return {
        "method": f"item/{method}",
        "params": {"threadId": "th", "turnId": turn_id, "item": {"id": item_id, "type": "x", **more}},
    }


def question(request_id: int, turn_id: str = "t1") -> dict[str, Any]:
    params = {"threadId": "th", "turnId": turn_id}
    return {"method": "item/commandExecution/requestApproval", "id": request_id, "params": params}


def test_a_turn_is_open_between_its_start_and_its_end() -> None:
    """Its items are known while it is open; of a closed one only the id is."""
    index = index_of(turn("started"), item("started"), item("completed", "i2"))
    assert index.open_turns["t1"].started == {"i1"}
    assert index.open_turns["t1"].completed == {"i2"}
    index.observe(Line(n=4, t=40, source=Source.BACKFILL, message=turn("completed")))
    assert (index.open_turns, index.closed_turns) == ({}, {"t1"})
    assert (index.lines, index.last_time, index.threads) == (4, 40, ["th"])


def test_an_item_of_an_unseen_turn_opens_it_and_a_late_one_does_not_open_it_again() -> None:
    """A recorder may come in the middle; a background command may end long after its turn."""
    assert list(index_of(item("completed")).open_turns) == ["t1"]
    assert index_of(turn("started"), turn("completed"), item("completed", "late")).open_turns == {}


@pytest.mark.parametrize(
    "answer",
    [{"method": "serverRequest/resolved", "params": {"threadId": "th", "requestId": 0}}, turn("completed")],
)
def test_a_question_is_open_until_it_is_resolved_or_its_turn_ends(answer: dict[str, Any]) -> None:
    """Codex counts its questions from 0."""
    assert list(index_of(turn("started"), question(0)).open_requests) == [0]
    assert index_of(turn("started"), question(0), answer).open_requests == {}


def test_a_command_is_counted_once_however_often_it_is_mentioned() -> None:
    """Start and end of one item are one run; two items are two."""
    text = "/bin/bash -lc 'echo hi'"
    more = {"type": "commandExecution", "command": text}
    index = index_of(item("started", **more), item("completed", **more), item("completed", "i2", **more))
    assert index.commands["t1"].total() == 2


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("/bin/bash -lc 'echo hi'", "echo hi"),
        ("/bin/bash -lc \"echo 'Permission denied'; exit 1\"", "echo 'Permission denied'; exit 1"),
        ("/bin/sh -c ls", "ls"),
        ("ls -la", "ls -la"),
        ("echo 'open", "echo 'open"),
    ],
)
def test_the_script_is_found_in_codexs_command(command: str, script: str) -> None:
    """Codex shows the shell's command line; the call had the script."""
    assert script_of(command) == script


def test_hidden_commands_and_boots_are_remembered() -> None:
    """So that neither is written twice, nor miscounted, after a restart."""
    assert index_of(item("completed", "hidden-c-1"), source=Source.ROLLOUT).hidden == {"hidden-c-1"}
    boot = {"method": "supervisor/boot", "params": {"boot": 1}}
    assert index_of(boot, boot, source=Source.SUPERVISOR).boots == 2


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    """An open log file."""
    number = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    yield number
    os.close(number)


def opened(fd: int) -> Log:
    return Log(fd, lambda: 5, lambda _: None)


@given(tail=st.binary(max_size=50).filter(lambda data: b"\n" not in data), whole=st.integers(0, 5))
def test_whatever_the_last_line_lost_the_numbers_go_on(
    tmp_path_factory: Any, tail: bytes, whole: int
) -> None:
    """A torn line is cut off; the whole ones stay; the next one has the next number."""
    path = tmp_path_factory.mktemp("log") / "log"
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    log = opened(number)
    for _ in range(whole):
        log.append(Source.LIVE, {"method": "item/agentMessage/delta", "params": {"delta": "x"}})
    os.write(number, tail)
    again = opened(number)
    assert again.index.lines == whole
    again.append(Source.LIVE, turn("started"))
    os.close(number)
    lines = [recording.decode(line) for line in path.read_bytes().splitlines()]
    assert [line.n for line in lines] == list(range(1, whole + 2))


def test_an_index_from_the_file_is_that_of_the_writer(fd: int) -> None:
    """Opening the log again knows what the one who wrote it knew."""
    log = opened(fd)
    for message in (turn("started"), item("started"), question(3), item("completed", "i2")):
        log.append(Source.LIVE, message)
    assert opened(fd).index == log.index


def test_a_line_in_the_middle_that_cannot_be_read_is_counted_and_left(fd: int) -> None:
    """Nobody's line is thrown away, and no number is given twice."""
    opened(fd).append(Source.LIVE, turn("started"))
    os.write(fd, b"not a line\n")
    assert opened(fd).index.lines == 2


def test_a_log_that_cannot_be_written_is_the_end(tmp_path: Path) -> None:
    """An agent that is not recorded must not go on, and half a line must not stay."""
    path = tmp_path / "log"
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    log = opened(number)
    log.append(Source.LIVE, turn("started"))
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.raises(Fatal):
            log.append(Source.LIVE, turn("completed"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        os.close(number)
    assert path.read_bytes() == before


def test_a_stdout_that_nobody_reads_does_not_hold_the_recorder_up() -> None:
    """What does not fit is dropped, in whole lines: what is read later is readable."""
    read_end, write_end = os.pipe()
    echo = Echo(write_end)
    for number in range(3000):
        echo(b"%d %s\n" % (number, b"x" * 100))
    first = os.read(read_end, 1 << 20)
    echo(b"last\n")
    os.close(write_end)
    with os.fdopen(read_end, "rb") as file:
        lines = (first + file.read()).splitlines()
    assert lines[-1] == b"last"
    assert all(line.endswith(b"x" * 100) for line in lines[:-1])


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(FIELDS | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=4,
)
MESSAGES = st.fixed_dictionaries(
    {"method": METHODS | ANY}, optional={"id": ANY, "params": ANY | st.dictionaries(FIELDS, ANY)}
)


@given(st.lists(st.tuples(st.sampled_from(Source), MESSAGES), max_size=6))
def test_whatever_codex_says_can_be_indexed_and_read_again(said: list[tuple[Source, dict[str, Any]]]) -> None:
    """A line that no start could read would keep the session down for ever."""
    with tempfile.TemporaryFile() as file:
        log = Log(file.fileno(), lambda: 1, lambda _: None)
        for source, message in said:
            log.append(source, message)
            backfill.key(message)
        again = Log(file.fileno(), lambda: 1, lambda _: None)
    assert again.index.lines == log.index.lines == len(said)
    assert again.index.open_turns == log.index.open_turns


@given(st.lists(MESSAGES, max_size=6))
def test_whatever_codex_says_can_be_recorded(said: list[dict[str, Any]]) -> None:
    """Each message is a line, or left out on purpose."""
    with tempfile.TemporaryFile() as file:
        recorder = Recorder(Log(file.fileno(), lambda: 1, lambda _: None))
        written = [recorder.hear(message) for message in said]
    assert recorder.index.lines == sum(written)


def test_what_is_nested_too_deeply_for_a_line_is_told_as_a_gap_and_the_recording_goes_on(
    tmp_path: Path,
) -> None:
    """The number of the line is not used up."""
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    path = tmp_path / "codex.ndjson"
    with path.open("w+b") as file:
        recorder = Recorder(Log(file.fileno(), lambda: 1, lambda _: None))
        assert recorder.hear({"method": "turn/plan/updated", "params": {"plan": deep}}) is False
        assert recorder.hear(turn("started")) is True
    lines = [recording.decode(line) for line in path.read_bytes().splitlines()]
    assert [(line.n, line.method) for line in lines] == [(1, "supervisor/gap"), (2, "turn/started")]
    assert lines[0].params["lost"] == ["turn/plan/updated"]


def test_a_live_beginning_behind_its_back_filled_end_is_not_written(tmp_path: Path) -> None:
    """A turn that begins while the log catches up is listed, and comes live as well."""
    item = {"id": "i", "type": "userMessage", "content": []}
    where = {"threadId": "th", "turnId": "t", "item": item}
    with (tmp_path / "log").open("w+b") as file:
        recorder = Recorder(Log(file.fileno(), lambda: 1, lambda _: None))
        recorder.backfill([{"method": "item/completed", "params": where}])
        assert not recorder.hear({"method": "item/started", "params": where})
        assert not recorder.hear({"method": "item/completed", "params": where})
        recorder.new_connection()
        assert recorder.hear({"method": "item/started", "params": {**where, "item": {**item, "id": "j"}}})
