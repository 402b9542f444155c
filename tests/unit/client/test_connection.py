"""Requests on the wire: what is sent, and what each kind of answer or silence becomes."""

import json
import socket
import threading
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.client.connection import Request, ask, ask_bytes, ask_lines, ask_with_progress
from orchestrator.core.errors import (
    ConnectionLost,
    DaemonBroke,
    DaemonUnreachable,
    DaemonVersionMismatch,
    OrchestratorError,
    TimedOut,
    leaves,
)
from orchestrator.testing.wire import Scripted, answer, chunks, hang_up, hold_until

GET = Request(method="GET", path="/v1/x")


def refusal(code: str, message: str = "no", hint: str = "do") -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "hint": hint}}).encode()


def test_a_request_carries_its_version_and_its_json(scripted: Scripted) -> None:
    """The daemon learns who asks and what, in UTF-8 JSON."""
    scripted.will(answer(b'{"ok": true}'))
    assert ask(scripted.path, Request(method="POST", path="/v1/x?y=1", body={"text": "ü\0"})) == {"ok": True}
    ((method, path, headers, body),) = scripted.asked
    assert (method, path) == ("POST", "/v1/x?y=1")
    assert headers["X-Orchestrator-Version"] == __version__
    assert json.loads(body) == {"text": "ü\0"}


@pytest.mark.parametrize("code", sorted(leaves()))
def test_every_error_code_comes_back_as_its_own_error(scripted: Scripted, code: str) -> None:
    """What the daemon raised is what the caller catches, with message and hint."""
    scripted.will(answer(refusal(code), leaves()[code].http_status))
    with pytest.raises(OrchestratorError) as caught:
        ask(scripted.path, GET)
    assert type(caught.value) is leaves()[code]
    assert (caught.value.message, caught.value.hint) == ("no", "do")


def test_an_unknown_code_is_still_a_refusal_with_its_message(scripted: Scripted) -> None:
    """A newer daemon's codes do not confuse."""
    scripted.will(answer(refusal("brand_new", "too new"), 418))
    with pytest.raises(OrchestratorError, match="too new"):
        ask(scripted.path, GET)


def test_a_refusal_that_is_no_json_is_shown_as_it_is(scripted: Scripted) -> None:
    """Whatever answered, the user sees what it said."""
    scripted.will(answer(b"<h1>Bad Gateway</h1>", 502))
    with pytest.raises(OrchestratorError, match=r"502.*Bad Gateway"):
        ask(scripted.path, GET)


def test_a_bug_of_the_daemon_exits_as_a_bug(scripted: Scripted) -> None:
    """Exit 3 means a bug, on whichever side."""
    scripted.will(answer(refusal("bug"), 500))
    with pytest.raises(DaemonBroke) as caught:
        ask(scripted.path, GET)
    assert caught.value.exit_status == 3


def test_an_answer_that_is_no_json_is_an_error(scripted: Scripted) -> None:
    """A 200 with nonsense is not passed on."""
    scripted.will(answer(b"hello"))
    with pytest.raises(OrchestratorError, match="not JSON"):
        ask(scripted.path, GET)


def test_a_daemon_of_another_version_is_told_apart_with_the_way_out(scripted: Scripted) -> None:
    """Neither its answers nor its refusals are believed."""
    scripted.will(answer(b"{}", version="9.9"), answer(refusal("bug"), 500, version="9.9"))
    for _ in range(2):
        with pytest.raises(DaemonVersionMismatch, match=r"9\.9") as caught:
            ask(scripted.path, GET)
        assert "orchestrator daemon stop" in caught.value.hint


def test_no_socket_means_no_daemon(tmp_path: Path) -> None:
    """The error says where one was looked for, and how to start one."""
    with pytest.raises(DaemonUnreachable, match=r"none\.sock") as caught:
        ask(tmp_path / "none.sock", GET)
    assert "daemon start" in caught.value.hint


def test_a_stale_socket_means_no_daemon(tmp_path: Path) -> None:
    """A socket file whose daemon was killed refuses connections."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "s"))
    with pytest.raises(DaemonUnreachable):
        ask(tmp_path / "s", GET)


def test_a_path_too_long_for_a_socket_is_no_traceback(tmp_path: Path) -> None:
    """A `daemon.json` from elsewhere may name any path."""
    with pytest.raises(DaemonUnreachable):
        ask(tmp_path / ("x" * 200), GET)


def test_a_daemon_that_dies_before_its_answer_leaves_a_doubt(scripted: Scripted) -> None:
    """The caller is told to look first: what was asked may have been done."""
    scripted.will(hang_up)
    with pytest.raises(ConnectionLost) as caught:
        ask(scripted.path, Request(method="POST", path="/v1/x", body={}))
    assert "before you repeat" in caught.value.hint


def test_silence_ends_at_the_time_limit(scripted: Scripted) -> None:
    """No call waits forever."""
    released = threading.Event()
    scripted.will(hold_until(released))
    with pytest.raises(TimedOut):
        ask(scripted.path, Request(method="GET", path="/v1/x", seconds=0.05))
    released.set()


def test_lines_come_one_by_one_without_the_heartbeats(scripted: Scripted) -> None:
    """Lines may be torn over chunks; empty ones only say that the daemon lives."""
    scripted.will(chunks(b'{"a":1}\n\n{"a"', b":2}\n", b"\n", b'{"a":3}\n'))
    assert list(ask_lines(scripted.path, GET)) == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_a_stream_that_breaks_is_not_taken_for_one_that_ended(scripted: Scripted) -> None:
    """What arrived is passed on, then the break is told."""
    scripted.will(chunks(b'{"a":1}\n', whole=False))
    lines = ask_lines(scripted.path, GET)
    assert next(lines) == {"a": 1}
    with pytest.raises(ConnectionLost):
        next(lines)


def test_bytes_are_passed_on_as_they_are(scripted: Scripted) -> None:
    """The pane's bytes are not text."""
    scripted.will(chunks(b"\x1b[0m\xff", b"\x00tail"))
    assert b"".join(ask_bytes(scripted.path, GET)) == b"\x1b[0m\xff\x00tail"


def test_bytes_that_break_off_are_told(scripted: Scripted) -> None:
    """A raw stream that breaks raises, like any other."""
    scripted.will(chunks(b"abc", whole=False))
    with pytest.raises(ConnectionLost):
        list(ask_bytes(scripted.path, GET))


def test_progress_goes_to_the_callback_and_the_result_to_the_caller(scripted: Scripted) -> None:
    """A long operation speaks while it works."""
    scripted.will(chunks(b'{"progress":"one"}\n', b'{"progress":"two"}\n{"result":{"done":1}}\n'))
    said: list[str] = []
    assert ask_with_progress(scripted.path, GET, said.append) == {"done": 1}
    assert said == ["one", "two"]
    assert scripted.asked[0][2]["Accept"] == "application/x-ndjson"


def test_an_error_after_progress_is_raised(scripted: Scripted) -> None:
    """The status was 200 long before the failure."""
    scripted.will(chunks(b'{"progress":"one"}\n', refusal("launch_failed") + b"\n"))
    with pytest.raises(leaves()["launch_failed"]):
        ask_with_progress(scripted.path, GET, lambda _: None)


def test_progress_without_a_result_is_a_lost_connection(scripted: Scripted) -> None:
    """An orderly end is not enough: the result has to be there."""
    scripted.will(chunks(b'{"progress":"one"}\n'))
    with pytest.raises(ConnectionLost, match="without a result"):
        ask_with_progress(scripted.path, GET, lambda _: None)


def test_a_plan_needs_no_wrapping(scripted: Scripted) -> None:
    """A dry run has no progress: its plan is the whole answer."""
    scripted.will(answer(b'{"plan": []}'))
    assert ask_with_progress(scripted.path, GET, lambda _: None) == {"plan": []}
