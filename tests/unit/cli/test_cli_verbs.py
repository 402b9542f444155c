"""What each verb asks the daemon, what it prints of the answer, and how it exits."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.testing.wire import Scripted, chunks
from tests.unit.cli.answers import PLAN, VIEW, body, says
from tests.unit.cli.conftest import Run


def test_launch_sends_what_was_given_and_prints_where_it_is(
    orchestrator: Run, daemon: Scripted, tmp_path: Path
) -> None:
    """Paths become absolute, sizes bytes; what was not given is left to the settings."""
    (tmp_path / "token").touch()
    line = json.dumps({"result": VIEW | {"message_id": "01ABC"}}).encode() + b"\n"
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


def test_a_launch_says_that_its_prompt_is_on_the_way(orchestrator: Run, daemon: Scripted) -> None:
    """The state alone would be that of codex before it has the prompt; without a prompt there is no line."""
    for message_id in ("01ABC", None):
        launched = json.dumps({"result": VIEW | {"message_id": message_id}}).encode()
        daemon.will(chunks(launched + b"\n"))
    assert "prompt     queued, message 01ABC\n" in orchestrator("launch", "reviewer", "Audit").stdout
    assert "prompt" not in orchestrator("launch", "reviewer").stdout


@pytest.mark.parametrize(
    ("argv", "document"),
    [
        (["rm", "r", "--force"], {"session_id": "abc0000000", "removed": True}),
        (["stop", "r"], VIEW),
    ],
)
def test_a_quiet_deed_prints_nothing(
    orchestrator: Run, daemon: Scripted, argv: list[str], document: dict[str, Any]
) -> None:
    """Its exit code says it; without `-q` there is a word."""
    daemon.will(says(document), says(document))
    quiet = orchestrator(*argv, "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert orchestrator(*argv).stdout.startswith("abc0000000 ")


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
        (["send", "r", "hi", "there"], "hint: a text of several words goes in quotes"),
        (["launch", "r", "hi", "there", "you"], "hint: a text of several words goes in quotes"),
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
