"""The installed console script with a real daemon of `runtime = "dry"`: every verb, as text and as JSON."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.client import Client, send_message, snapshot_transcript, stream_logs
from tests.integration.dry_team import Team, shared, team

__all__ = ["shared", "team"]


def test_the_main_path_from_launch_to_removal(team: Team) -> None:
    """Launch, send, look, stop, remove; each document fits its schema and says the same thing."""
    launched = team.json("launch", "launch", "reviewer", "Audit")
    session_id = launched["session_id"]
    assert launched["role"] == "reviewer"
    sent = team.json("send", "send", session_id, "hello", "--wait", "turn")
    assert (sent["state"], sent["from"], sent["turn"]["status"]) == ("committed", "ana", "completed")
    assert [view["session_id"] for view in team.json("ps", "ps")] == [session_id]
    assert team.json("interrupt", "interrupt", "reviewer")["interrupted"] is False
    assert team.json("stop", "stop", "reviewer")["desired"] == "stopped"
    assert team.json("ps", "ps") == []
    assert len(team.json("ps", "ps", "--all")) == 1
    assert team.json("rm", "rm", session_id)["removed"] is True
    assert team.json("ps", "ps", "--all") == []


@pytest.mark.parametrize(
    ("schema", "argv"),
    [
        ("ps", ["ps"]),
        ("status", ["status", "reviewer"]),
        ("snapshot", ["snapshot", "reviewer"]),
        ("stream", ["stream", "reviewer"]),
        ("interrupt", ["interrupt", "reviewer"]),
        ("resume-all", ["resume-all"]),
        ("doctor", ["doctor"]),
        ("daemon-start", ["daemon", "start"]),
        ("daemon-status", ["daemon", "status"]),
        ("daemon-logs", ["daemon", "logs"]),
        ("registry-verify", ["registry", "verify"]),
        ("registry-rebuild", ["registry", "rebuild"]),
        ("config-show", ["config", "show"]),
        ("config-show-origin", ["config", "show", "--origin"]),
        ("config-path", ["config", "path"]),
        ("config-validate", ["config", "validate"]),
        ("config-schema", ["config", "schema"]),
        ("completion", ["completion", "bash"]),
        ("version", ["version"]),
        ("plan", ["launch", "writer", "--dry-run"]),
        ("plan", ["send", "reviewer", "x", "--dry-run"]),
        ("plan", ["interrupt", "reviewer", "--dry-run"]),
        ("plan", ["stop", "reviewer", "--dry-run"]),
        ("plan", ["rm", "reviewer", "--force", "--dry-run"]),
        ("plan", ["daemon", "stop", "--dry-run"]),
        ("plan", ["image", "build", "--dry-run"]),
    ],
)
def test_every_verb_answers_in_its_schema_and_in_text(shared: Team, schema: str, argv: list[str]) -> None:
    """Real answers of a real daemon, both ways."""
    assert shared.json(schema, *argv)
    assert shared.text(*argv).strip()


def test_dry_runs_change_nothing(shared: Team) -> None:
    """After all plans the team is what it was."""
    before = shared.json("ps", "ps", "--all")
    for argv in (
        ["launch", "writer"],
        ["stop", "reviewer"],
        ["rm", "reviewer", "-f"],
        ["send", "reviewer", "x"],
    ):
        shared.text(*argv, "--dry-run")
    after = shared.json("ps", "ps", "--all")
    assert [view | {"age_s": 0} for view in after] == [view | {"age_s": 0} for view in before]


def test_a_dry_run_refuses_and_finds_nothing_to_do_as_the_command_does(team: Team) -> None:
    """Removing what runs exits 5 both ways; without a turn, or once stopped, the plan is empty."""
    team.text("launch", "writer")
    assert team.error("rm", "writer", "--dry-run") == team.error("rm", "writer") == (5, "session_busy")
    assert "docker rm -f" in team.text("rm", "writer", "--force", "--dry-run")
    assert team.json("plan", "interrupt", "writer", "--dry-run") == {"plan": []}
    assert team.text("interrupt", "writer", "--dry-run") == "there is no turn to interrupt\n"
    team.text("stop", "writer")
    assert team.json("plan", "stop", "writer", "--dry-run") == {"plan": []}
    assert team.text("stop", "writer", "--dry-run") == "it is stopped already\n"
    assert "docker rm -f" in team.text("rm", "writer", "--dry-run")


def test_a_dry_run_of_resuming_claims_no_reattaching_of_what_is_attached(team: Team) -> None:
    """A session that is held already needs nothing, and the plan says just that."""
    team.text("launch", "writer")
    (planned,) = team.json("resume-all", "resume-all", "--dry-run")
    assert planned["action"] == "nothing to do"


def test_the_hint_for_a_stopped_session_is_true(team: Team) -> None:
    """Resuming leaves what was told to stop alone, so a new launch is what helps."""
    team.text("launch", "writer")
    team.text("stop", "writer")
    done = team("send", "writer", "x")
    assert done.returncode == 5
    assert b"orchestrator launch writer" in done.stderr
    assert b"resume-all" not in done.stderr


@pytest.mark.parametrize(
    ("argv", "status", "code"),
    [
        (["status", "nobody"], 4, "session_not_found"),
        (["status", ""], 4, "session_not_found"),
        (["rm", "../reviewer"], 4, "session_not_found"),
        (["send", "nobody", "x"], 4, "session_not_found"),
        (["launch", "reviewer"], 5, "role_busy"),
        (["rm", "reviewer"], 5, "session_busy"),
        (["launch", "Bad"], 2, "invalid_input"),
        (["launch", "writer", "--workspace", "/nonexistent"], 2, "invalid_input"),
        (["send", "reviewer", " "], 2, "invalid_input"),
        (["image", "rm"], 2, "usage"),
    ],
)
def test_what_cannot_be_done_has_its_code_and_exit(
    shared: Team, argv: list[str], status: int, code: str
) -> None:
    """The documented numbers, and nothing on stdout."""
    assert shared.error(*argv) == (status, code)


def test_a_text_that_cannot_be_typed_is_not_sent_by_typing(shared: Team) -> None:
    """`--route tmux` with a slash command is refused with its reason, and exits 5."""
    done = shared("send", "reviewer", "/x", "--route", "tmux")
    assert done.returncode == 5
    assert b"would be a command" in done.stderr


def test_a_session_answers_to_its_prefix_but_to_no_others(shared: Team) -> None:
    """Three characters are enough where they are unique; two are not."""
    (view,) = shared.json("ps", "ps")
    assert shared.json("status", "status", view["session_id"][:3])["role"] == "reviewer"
    assert shared.error("status", view["session_id"][:2]) == (4, "session_not_found")


def test_the_python_functions_do_what_the_commands_do(shared: Team) -> None:
    """The API of a program that imports us."""
    client = Client(home=shared.home, start=False)
    sent = send_message("reviewer", "from python", sender="py", wait="turn", client=client)
    assert sent["turn"]["status"] == "completed"
    events = list(stream_logs("reviewer", follow=False, client=client))
    assert [e["from"] for e in events if e["text"] == "from python"] == ["py"]
    assert snapshot_transcript("reviewer", client=client)["next_seq"] == events[-1]["seq"]


def test_of_racing_launches_of_one_role_one_wins(team: Team) -> None:
    """The others exit 5, and there is one session."""
    with ThreadPoolExecutor(3) as pool:
        codes = sorted(pool.map(lambda _: team("launch", "writer").returncode, range(3)))
    assert codes == [0, 5, 5]
    assert len(team.json("ps", "ps")) == 1


def test_messages_of_many_processes_arrive_whole_and_once(team: Team) -> None:
    """Nothing is merged, lost, doubled or changed, whatever the texts look like."""
    team.text("launch", "writer")
    texts = [
        "/status",
        "!ls",
        "-v",
        "#1",
        "Enter",
        "C-c",
        "'\"`$(x)",
        "\ttab\t",
        "two\n\nlines",
        "é漢🎈" * 2000,
    ]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda t: team("send", "writer", "-", stdin=t.encode()).returncode, texts))
    assert done == [0] * len(texts)
    team.text("send", "writer", "last", "--wait", "turn")
    events = [json.loads(line) for line in team.text("stream", "writer", "--ndjson").splitlines()]
    arrived = [event["text"] for event in events if event["type"] == "user_message"]
    assert sorted(arrived) == sorted([*texts, "last"])


def test_a_corrupt_record_is_told_and_the_others_work(team: Team) -> None:
    """`registry verify` names the file; the session beside it is served."""
    team.text("launch", "writer")
    (team.home / "registry" / "zzzzzzzzzz.json").write_text("{ torn")
    found = team.json("registry-verify", "registry", "verify", status=1)
    assert "zzzzzzzzzz.json" in found["broken"][0]["path"]
    assert len(team.json("ps", "ps")) == 1
    refused = team("status", "reviewer")
    assert refused.returncode == 4
    assert b"no session is called 'reviewer'; a record cannot be read" in refused.stderr
    assert team.json("doctor", "doctor", status=1)["ok"] is False
    assert team.json("registry-rebuild", "registry", "rebuild")["set_aside"]
    assert team.json("registry-verify", "registry", "verify")["broken"] == []
