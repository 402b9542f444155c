"""What each verb asks the daemon, what it prints of the answer, and how it exits."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.testing.wire import Say, Scripted, answer, chunks
from tests.children import child

SCRIPT = str(Path(sys.executable).with_name("orchestrator"))
CTRL_C = b"\x03"
Run = Callable[..., subprocess.CompletedProcess[str]]

VIEW: dict[str, Any] = {
    "session_id": "abc0000000",
    "role": "reviewer",
    "state": "working",
    "since": "2026-01-02T03:04:05.000000Z",
    "source": "turn_started",
    "age_s": 200.0,
    "turn_id": "t1",
    "doing": "rg token\x1b[2J",
    "desired": "running",
    "container_id": "c1",
    "container_name": "orchestrator-ab12cd34-abc0000000",
    "container_state": "running",
    "thread_id": "th1",
    "branch": "agents/reviewer",
    "workspace": "/srv/w",
    "image": "orchestrator-agent",
    "parent": "",
    "created_at": "2026-01-02T03:00:00.000000Z",
    "model": "gpt-6.1-sol",
    "reasoning": None,
    "sandbox": "danger-full-access",
    "approval": "on-request",
    "queued": 2,
    "walls": {"container": {"read_only_root": True}, "codex_sandbox": "off"},
    "warnings": ["approvals are advisory"],
}
TURN = {"turn_id": "t1", "tokens": {}, "files": [], "duration_ms": 5, "error": None}
PLAN = {"plan": [{"who": "tmux", "what": "paste-buffer -p"}]}


def says(document: Any, status: int = 200) -> Say:
    return answer(json.dumps(document).encode(), status)


def receipt(state: str, **more: Any) -> dict[str, Any]:
    blank = {"route": None, "turn_id": "", "mode": "queue", "from": "ana", "reason": ""}
    times = {"created_at": "", "updated_at": ""}
    return {"message_id": "m1", "session_id": "abc0000000", "state": state, **blank, **times, **more}


def body(daemon: Scripted, at: int = 0) -> Any:
    return json.loads(daemon.asked[at][3])


def test_launch_sends_what_was_given_and_prints_where_it_is(
    orchestrator: Run, daemon: Scripted, tmp_path: Path
) -> None:
    """Paths become absolute, sizes bytes; what was not given is left to the settings."""
    (tmp_path / "token").touch()
    line = json.dumps({"result": VIEW}).encode() + b"\n"
    daemon.will(chunks(b'{"progress":"building"}\n', line))
    done = orchestrator(
        *(
            "launch",
            "reviewer",
            "-",
            "--workspace",
            "w",
            "--memory",
            "1g",
            "--secret",
            "T=token",
            "--another",
        ),
        stdin=b"Audit",
    )
    assert body(daemon) == {
        "role": "reviewer",
        "from": "ana",
        "prompt": "Audit",
        "workspace": str(tmp_path / "w"),
        "memory": 1024**3,
        "secrets": {"T": str(tmp_path / "token")},
        "another": True,
        "dry_run": False,
    }
    assert done.returncode == 0
    assert "abc0000000" in done.stdout
    assert "warning: approvals are advisory" in done.stderr
    assert "next: orchestrator send" in done.stderr


def test_launch_under_json_prints_the_view_alone(orchestrator: Run, daemon: Scripted) -> None:
    """The fixed names of a launch are in the one document."""
    daemon.will(chunks(json.dumps({"result": VIEW}).encode() + b"\n"))
    found = json.loads(orchestrator("launch", "reviewer", "--json", "-q").stdout)
    assert {"session_id", "role", "state", "container_id", "thread_id", "branch"} <= found.keys()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["launch", "Bad Role"], "cannot name a role"),
        (["launch", "r", ""], "the message is empty"),
        (["launch", "r", "--memory", "much"], "no amount of memory"),
        (["launch", "r", "--secret", "x"], "is not NAME=FILE"),
        (["launch", "r", "--secret", "x=/nonexistent"], "has no file"),
        (["launch", "r", "--base-url", "model:8080"], "no address of a model"),
        (["send", "r", "  "], "the message is empty"),
        (["send", "r", "x", "--wait", "turn", "--no-wait"], "exclude each other"),
        (["send", "r", b"\xff"], "not valid UTF-8"),
        (["send", "r", "- list"], "goes behind `--`"),
        (["stream", "r", "-f", "--json"], "with -f use --ndjson"),
    ],
)
def test_bad_input_is_refused_before_any_daemon_is_started(
    orchestrator: Run, tmp_path: Path, argv: list[Any], said: str
) -> None:
    """One line, exit 2, and no daemon."""
    done = orchestrator(*argv)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_a_message_from_stdin_keeps_every_byte(orchestrator: Run, daemon: Scripted) -> None:
    """Newlines at the end, quotes, tabs and any script arrive as they were."""
    text = "/x 'y' \"z\" $(rm)\t漢\r\n\n"
    daemon.will(says(receipt("queued")), says(receipt("committed")))
    assert orchestrator("send", "r", "-", stdin=text.encode()).returncode == 0
    assert body(daemon)["text"] == text


def test_send_passes_its_options_on(orchestrator: Run, daemon: Scripted) -> None:
    """Mode, route, sender, tags and the system's mark."""
    daemon.will(says(receipt("queued")))
    argv = ["--mode", "steer", "--route", "tmux", "--from", "ci", "--tag", "a", "--tag", "b", "--system"]
    assert orchestrator("send", "r", "--no-wait", *argv, "--", "-v").returncode == 0
    assert body(daemon) == {
        "text": "-v",
        "mode": "steer",
        "route": "tmux",
        "from": "ci",
        "tags": ["a", "b"],
        "system": True,
        "dry_run": False,
    }


@pytest.mark.parametrize(
    ("argv", "last", "status"),
    [
        ([], receipt("committed", turn_id="t1", route="tmux"), 0),
        ([], receipt("queued"), 0),
        ([], receipt("failed", reason="codex refused"), 1),
        ([], receipt("unknown"), 7),
        (["--wait", "turn"], receipt("committed", turn={"status": "completed", "answer": "yes", **TURN}), 0),
        (["--wait", "turn"], receipt("committed", turn={"status": "failed", "answer": "", **TURN}), 1),
        (["--wait", "turn"], receipt("committed", turn={"status": "interrupted", "answer": "", **TURN}), 1),
        (["--wait", "committed"], receipt("unknown"), 7),
    ],
)
def test_the_exit_code_of_send_says_how_far_it_came(
    orchestrator: Run, daemon: Scripted, argv: list[str], last: dict[str, Any], status: int
) -> None:
    """Scripts need not read the receipt."""
    daemon.will(says(receipt("queued")), says(last))
    done = orchestrator("send", "r", "hi", "--json", *argv)
    assert done.returncode == status
    assert json.loads(done.stdout) == last


def test_waiting_for_a_turn_prints_its_answer(orchestrator: Run, daemon: Scripted) -> None:
    """And nothing else on stdout; nothing in it moves the terminal."""
    turn = {"status": "completed", "answer": "It is\n\x1b[31mfine", **TURN}
    daemon.will(says(receipt("queued")), says(receipt("committed", turn=turn)))
    assert orchestrator("send", "r", "hi", "--wait", "turn").stdout == "It is\nfine\n"


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ({"status": "interrupted"}, "the turn ended as interrupted\n"),
        ({"status": "failed", "error": {"message": "at capacity"}}, "ended as failed: at capacity\n"),
    ],
)
def test_a_turn_without_an_answer_says_why_beside_an_empty_stdout(
    orchestrator: Run, daemon: Scripted, ending: dict[str, Any], said: str
) -> None:
    """A script that reads the answer reads none; a person reads the reason."""
    turn = {"answer": "", **TURN, **ending}
    daemon.will(says(receipt("queued")), says(receipt("committed", turn=turn)))
    done = orchestrator("send", "r", "hi", "--wait", "turn")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(said)


def test_a_wait_that_ends_before_its_turn_exits_7(orchestrator: Run, daemon: Scripted) -> None:
    """The receipt is printed, and that nothing was taken back."""
    late = says({"error": {"code": "timed_out", "message": "", "hint": ""}}, 504)
    daemon.will(says(receipt("queued")), late, says(receipt("accepted")), says(VIEW))
    done = orchestrator("send", "r", "hi", "--wait", "turn", "--timeout", "0.001")
    assert done.returncode == 7
    assert "m1 accepted" in done.stdout
    assert "not been taken back" in done.stderr


def test_a_wait_that_ends_before_a_persons_answer_exits_8(orchestrator: Run, daemon: Scripted) -> None:
    """Who waits is told that somebody has to act, and how."""
    late = says({"error": {"code": "timed_out", "message": "", "hint": ""}}, 504)
    asking = VIEW | {"state": "waiting_permission", "doing": "rm -rf build"}
    daemon.will(says(receipt("queued")), late, says(receipt("committed")), says(asking))
    done = orchestrator("send", "r", "hi", "--wait", "turn", "--timeout", "0.001")
    assert done.returncode == 8
    assert "reviewer waits for a person: rm -rf build" in done.stderr
    assert "orchestrator attach abc0000000" in done.stderr


@pytest.mark.parametrize(
    "argv", [["send", "r", "hi"], ["interrupt", "r"], ["stop", "r"], ["rm", "r"], ["launch", "r"]]
)
def test_a_dry_run_prints_the_calls(orchestrator: Run, daemon: Scripted, argv: list[str]) -> None:
    """One line a call, or the plan as a document."""
    daemon.will(says(PLAN), says(PLAN))
    assert orchestrator(*argv, "--dry-run").stdout == "tmux: paste-buffer -p\n"
    assert json.loads(orchestrator(*argv, "--dry-run", "--json").stdout) == PLAN
    method, path, _, sent = daemon.asked[0]
    assert "dry_run=true" in path if method == "DELETE" else json.loads(sent)["dry_run"] is True


def test_ps_off_a_terminal_is_separated_by_tabs(orchestrator: Run, daemon: Scripted) -> None:
    """Scripts can `cut` it; an agent's words cannot break a line."""
    daemon.will(says([VIEW | {"doing": "a\tb\nc"}]))
    head, row = orchestrator("ps").stdout.splitlines()
    assert head.split("\t") == ["SESSION", "ROLE", "STATE", "SINCE", "DOING", "BRANCH", "QUEUED"]
    assert row.split("\t") == ["abc0000000", "reviewer", "working", "3m", "a b", "agents/reviewer", "2"]


def test_ps_says_how_to_see_the_others(orchestrator: Run, daemon: Scripted) -> None:
    """An empty list is no mystery."""
    daemon.will(says([]), says([]))
    assert "ps --all" in orchestrator("ps").stderr
    assert orchestrator("ps", "--all", "--json").stdout == "[]\n"
    assert daemon.asked[1][1] == "/v1/sessions?all=true"


def test_ps_says_that_the_engine_is_away(orchestrator: Run, daemon: Scripted) -> None:
    """The states are the last known ones then; people are told so, and it is no failure."""
    away = VIEW | {"container_state": "unknown: the engine does not answer"}
    daemon.will(says([VIEW, away, away]), says([VIEW]))
    done = orchestrator("ps")
    assert (done.returncode, done.stderr.count("the engine does not answer")) == (0, 1)
    assert orchestrator("ps").stderr == ""


def test_status_shows_source_age_walls_and_warnings(orchestrator: Run, daemon: Scripted) -> None:
    """Each claim with what it rests on; no escape sequence of an agent's gets through."""
    daemon.will(says(VIEW))
    text = orchestrator("status", "reviewer").stdout
    assert "working for 3m, says turn_started" in text
    assert "read_only_root yes" in text
    assert "warning: approvals are advisory" in text
    assert "\x1b" not in text


def test_snapshot_shows_the_screen_and_the_last_events(orchestrator: Run, daemon: Scripted) -> None:
    """Both, with nothing in them that a terminal would obey."""
    event: dict[str, Any] = {
        "timestamp": "2026-01-02T03:04:05.000006Z",
        "type": "agent_message",
        "direction": "out",
    }
    event |= {"role": "reviewer", "from": "", "tags": [], "text": "Done.", "data": {}}
    head = {"session_id": "abc0000000", "role": "reviewer", "state": "idle", "next_seq": 9}
    daemon.will(says({**head, "screen": "> hello\x07\n\n\n", "screen_error": "", "transcript": [event]}))
    text = orchestrator("snapshot", "reviewer", "--lines", "5", "--full").stdout
    assert text.startswith("reviewer abc0000000 idle\n> hello\n───")
    assert text.endswith("03:04:05  reviewer\n    Done.\n")
    assert daemon.asked[0][1].endswith("?lines=5&full=true")


EVENT = {
    "seq": 4,
    "timestamp": "2026-01-02T03:04:05.000006Z",
    "type": "agent_message",
    "direction": "out",
    "role": "reviewer",
    "from": "",
    "tags": [],
    "text": "é",
    "data": {},
}


def test_a_followed_stream_ends_with_its_session(orchestrator: Run, daemon: Scripted) -> None:
    """Readable by default, one envelope a line for programs."""
    line = json.dumps(EVENT).encode() + b"\n"
    daemon.will(chunks(line, b"\n", line), chunks(line))
    assert orchestrator("stream", "r", "-f").stdout == "03:04:05  reviewer\n    é\n" * 2
    assert json.loads(orchestrator("stream", "r", "-f", "--ndjson", "--since-seq", "3").stdout) == EVENT
    assert "since_seq=3&follow=true" in daemon.asked[1][1]


def test_a_stream_can_be_limited_and_paged(orchestrator: Run, daemon: Scripted) -> None:
    """Bounded output with a cursor to go on."""
    page = {"events": [EVENT, EVENT], "next_seq": 4, "oldest_seq": 1}
    daemon.will(says(page), says(page))
    assert len(orchestrator("stream", "r", "--limit", "1", "--ndjson").stdout.splitlines()) == 1
    assert json.loads(orchestrator("stream", "r", "--json", "--limit", "7").stdout) == page
    assert "limit=7" in daemon.asked[1][1]


def test_a_raw_stream_is_the_panes_own_bytes(
    environment: dict[str, str], daemon: Scripted, tmp_path: Path
) -> None:
    """Nothing is decoded, nothing added."""
    daemon.will(chunks(b"\x1b[1m\xff", b"\r\n"))
    done = subprocess.run(
        [SCRIPT, "stream", "r", "--raw"], env=environment, capture_output=True, timeout=60, check=True
    )
    assert done.stdout == b"\x1b[1m\xff\r\n"


def test_resume_all_tells_each_session_and_fails_if_one_did(orchestrator: Run, daemon: Scripted) -> None:
    """What was found, what was done, what to type."""
    good: dict[str, Any] = {
        "session_id": "abc0000000",
        "role": "a",
        "found": "container runs",
        "action": "reattached",
    }
    good |= {"ok": True, "detail": "", "next": "orchestrator send a"}
    bad = good | {"role": "b", "ok": False, "detail": "no image"}
    daemon.will(
        chunks(json.dumps({"result": [good]}).encode()), chunks(json.dumps({"result": [bad]}).encode())
    )
    done = orchestrator("resume-all")
    assert done.returncode == 0
    assert done.stdout == "a abc0000000: container runs; reattached: ok\n    next: orchestrator send a\n"
    assert orchestrator("resume-all", "--json").returncode == 1


@pytest.mark.parametrize(
    ("argv", "document", "status"),
    [
        (["registry", "verify"], {"sessions": 1, "broken": [], "missing": []}, 0),
        (
            ["registry", "verify"],
            {"sessions": 1, "broken": [{"path": "p", "reason": "torn"}], "missing": []},
            1,
        ),
        (["registry", "verify"], {"sessions": 1, "broken": [], "missing": ["x"]}, 1),
        (["registry", "rebuild"], {"rebuilt": ["x"], "set_aside": ["p"]}, 0),
        (["interrupt", "r"], {"session_id": "x", "interrupted": False, "turn_id": ""}, 0),
        (
            ["stop", "r"],
            {"session_id": "x", "state": "stopped", "desired": "stopped", "container_state": ""},
            0,
        ),
        (["rm", "r", "--force"], {"session_id": "x", "removed": True}, 0),
        (["attach", "r"], {"argv": ["docker", "exec"]}, 0),
    ],
)
def test_the_other_verbs_pass_the_document_on_and_exit_by_it(
    orchestrator: Run, daemon: Scripted, argv: list[str], document: dict[str, Any], status: int
) -> None:
    """`--json` is what the daemon said; the text form says something too."""
    daemon.will(says(document), says(document))
    done = orchestrator(*argv, "--json")
    assert (json.loads(done.stdout), done.returncode) == (document, status)
    assert orchestrator(*argv).stdout.strip()


def test_attach_off_a_terminal_prints_a_line_for_the_shell(orchestrator: Run, daemon: Scripted) -> None:
    """Quoted so that it can be pasted."""
    daemon.will(says({"argv": ["docker", "exec", "-t", "=a b"]}))
    assert orchestrator("attach", "r").stdout == "docker exec -t '=a b'\n"


def on_a_terminal(environment: dict[str, str], *argv: str, typed: bytes = b"") -> tuple[str, int]:
    """What a person sees at a terminal without a size, who answers the one question, and the exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
    command = ["setsid", "-c", SCRIPT, *argv]
    terminal = environment | {"TERM": "xterm"}
    with child(command, env=terminal, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        pressed = b""
        while block := _read(ours, pressed):
            seen += block
            if typed and b"?" in seen:
                os.write(ours, typed)
                pressed, typed = (typed if typed == CTRL_C else b""), b""
        status = process.wait(60)
    os.close(ours)
    return seen.decode().replace("\r\n", "\n"), status


def _read(fd: int, pressed: bytes) -> bytes:
    """Ctrl-C is pressed again while nothing happens: Python misses one between its question and its read."""
    while pressed and not select.select([fd], [], [], 1)[0]:
        os.write(fd, pressed)
    try:
        return os.read(fd, 65536)
    except OSError:  # what a terminal says when its last program has left
        return b""


def test_attach_on_a_terminal_becomes_the_program_and_gives_it_a_size(
    environment: dict[str, str], daemon: Scripted
) -> None:
    """A terminal without a size would leave tmux nothing to draw on."""
    daemon.will(says({"argv": ["stty", "size"]}))
    assert on_a_terminal(environment, "attach", "r") == ("24 80\n", 0)


def test_attach_without_the_program_says_what_is_missing(
    environment: dict[str, str], daemon: Scripted
) -> None:
    """A machine without the docker client can still be told the command."""
    daemon.will(says({"argv": ["no-such-docker", "exec"]}))
    text, status = on_a_terminal(environment, "attach", "r")
    assert status == 6
    assert "no-such-docker cannot be run" in text


@pytest.mark.parametrize(("typed", "status", "asked"), [(b"y\n", 0, 2), (b"n\n", 1, 1), (CTRL_C, 130, 1)])
def test_rm_asks_on_a_terminal(
    environment: dict[str, str], daemon: Scripted, typed: bytes, status: int, asked: int
) -> None:
    """Only a yes removes."""
    daemon.will(says(VIEW), says({"session_id": "abc0000000", "removed": True}))
    text, code = on_a_terminal(environment, "rm", "reviewer", typed=typed)
    assert "Remove reviewer abc0000000 (working)" in text
    assert (code, len(daemon.asked)) == (status, asked)


def test_ps_on_a_terminal_is_a_table(environment: dict[str, str], daemon: Scripted) -> None:
    """Drawn for people, without what an agent wants to draw itself."""
    daemon.will(says([VIEW]))
    text, status = on_a_terminal(environment | {"NO_COLOR": "1", "COLUMNS": "200"}, "ps")
    assert status == 0
    assert "\t" not in text
    assert "reviewer" in text
    assert "\x1b[2J" not in text


def test_a_refusal_of_the_daemon_is_printed_with_its_exit_code(orchestrator: Run, daemon: Scripted) -> None:
    """Message, hint and code are the daemon's."""
    error = {"error": {"code": "role_busy", "message": "reviewer has one", "hint": "use --another"}}
    daemon.will(says(error, 409), says(error, 409))
    done = orchestrator("stop", "r")
    assert (done.returncode, done.stderr) == (5, "error: reviewer has one\nhint: use --another\n")
    assert json.loads(orchestrator("stop", "r", "--json").stderr) == error


def test_daemon_status_without_a_daemon_starts_none(orchestrator: Run, tmp_path: Path) -> None:
    """Looking changes nothing; exit 6 says that none runs."""
    done = orchestrator("daemon", "status")
    assert done.returncode == 6
    assert not (tmp_path / "outputs").exists()


def test_daemon_stop_without_a_daemon_is_no_error(orchestrator: Run) -> None:
    """It is what was wanted."""
    done = orchestrator("daemon", "stop", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"stopped": False, "pid": None})
