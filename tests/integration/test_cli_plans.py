"""Dry runs that tell the truth: they refuse what the command refuses, and show what it would do, in order."""

import json

import pytest

from tests.integration.dry_team import Team, shared, team

__all__ = ["shared", "team"]


def steps(team: Team, *argv: str) -> list[tuple[str, str]]:
    plan = team.json("plan", *argv, "--dry-run")["plan"]
    return [(step["who"], step["what"]) for step in plan]


@pytest.mark.parametrize(
    ("argv", "status", "code", "said"),
    [
        (["reviewer"], 5, "role_busy", "has a live session"),
        (["Bad Role"], 2, "invalid_input", "cannot name a role"),
        (["w", "--cpus", "999999"], 2, "invalid_input", "more than the engine has"),
        (["w", "--cpus", "0"], 2, "invalid_input", "processors are too few"),
        (["w", "--memory", "1"], 2, "invalid_input", "bytes of memory are too few"),
        (["w", "--pids", "0"], 2, "invalid_input", "processes are too few"),
        (["w", "--workspace", "/nonexistent"], 2, "invalid_input", "does not exist"),
        (["w", "--workspace", "."], 2, "invalid_input", "sessions' own folders"),
        (["w", "--workspace", "shut"], 2, "invalid_input", "may not come into the workspace"),
        (["w", "--workspace", "/usr", "--branch", "b"], 2, "invalid_input", "is no git repository"),
        (["w", "--branch", "a..b"], 2, "invalid_input", "cannot name a branch"),
        (["w", "--parent", "nobody"], 4, "session_not_found", "no session is called"),
        (["w", "--secret", "a=/nonexistent"], 2, "invalid_input", "has no file"),
        (["w", "--secret", "a=large"], 2, "invalid_input", "has more than 1,048,576 bytes"),
        (["w", "--secret", "a.b=small"], 2, "invalid_input", "cannot name a secret"),
        (["w", "--secret", "-x=small"], 2, "invalid_input", "cannot name a secret"),
        (["w", " "], 2, "invalid_input", "the message is empty"),
    ],
)
def test_a_dry_launch_refuses_what_a_launch_refuses(
    shared: Team, argv: list[str], status: int, code: str, said: str
) -> None:
    """With the same words and the same exit code; each says what to do instead, or what was not there."""
    (shared.home / "large").write_bytes(bytes(1024 * 1024 + 1))
    (shared.home / "small").touch()
    (shared.home / "shut").mkdir(mode=0o700, exist_ok=True)
    real, dry = shared("launch", *argv, "--json"), shared("launch", *argv, "--json", "--dry-run")
    assert (real.returncode, real.stdout) == (status, b"")
    error = json.loads(real.stderr)["error"]
    assert error["code"] == code
    assert said in error["message"]
    assert (dry.returncode, dry.stderr) == (status, real.stderr)
    assert "w" not in {view["role"] for view in shared.json("ps", "ps", "--all")}


def test_a_dry_launch_shows_every_step_in_order_and_no_secret(shared: Team) -> None:
    """From the record to the prompt and its route; and nothing is there afterwards."""
    (shared.home / "token").write_text("xyzzy")
    found = steps(shared, "launch", "writer", "/review", "--secret", "token=token", "--branch", "b")
    story = "\n".join(what for _, what in found)
    order = [
        "write ",
        "copy the secret token from ",
        "on branch b",
        "store the first message in ",
        "docker network create",
        "limits: memory 2,147,483,648 bytes, 2 processors, 512 processes",
        "docker create",
        "docker start",
        "codex app-server --listen",
        'thread/start {"cwd": "/work", "sandbox": "danger-full-access", "approvalPolicy": "never"',
        "new-session -d -s",
        "first message by route auto, not typed: a first character '/' would be a command",
        "turn/start",
        "the text, 7 characters: /review",
    ]
    places = [story.find(part) for part in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    assert "at /run/secrets/token" in story
    assert "xyzzy" not in story
    assert list((shared.home / "outputs/agents").glob("writer")) == []


def test_attaching_without_a_container_says_so(shared: Team) -> None:
    """No command is shown that could not work."""
    assert shared.error("attach", "reviewer") == (1, "no_screen")
    assert b"orchestrator snapshot reviewer" in shared("attach", "reviewer").stderr


def test_a_dry_send_shows_route_calls_and_text(shared: Team) -> None:
    """Both routes, a line a step; what tmux is told stands there as it is."""
    typed = steps(shared, "send", "reviewer", 'say "hi"', "--route", "tmux")
    assert typed[0] == ("tmux", "route tmux: typed into codex's screen in 1 piece, and Enter")
    assert typed[1] == ("tmux", 'set-buffer -b message -- "say \\"hi\\""')
    assert typed[-1] == ("tmux", 'the text, 8 characters: say "hi"')
    route, call, text = steps(shared, "send", "reviewer", "/x\n", "--route", "app-server")
    assert route == ("codex", "route app-server: handed to codex whole")
    method, _, params = call[1].partition(" ")
    assert method == "turn/start"
    assert json.loads(params)["input"] == [{"type": "text", "text": "/x\n", "text_elements": []}]
    assert text == ("codex", "the text, 3 characters: /x\n")
    long = steps(shared, "send", "reviewer", "é" * 20_000, "--route", "tmux")
    assert long[0][1].endswith("in 3 pieces, and Enter")


def test_a_plan_moves_no_terminal(shared: Team) -> None:
    """Escapes of the text are not printed as such."""
    done = shared("send", "reviewer", "a\x1b[2Jb", "--dry-run")
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize(
    "argv",
    [
        ["send", "nobody", "x"],
        ["send", "reviewer", " "],
        ["send", "reviewer", "/x", "--route", "tmux"],
    ],
)
def test_a_dry_send_refuses_what_a_send_refuses(shared: Team, argv: list[str]) -> None:
    """The very same error."""
    real, dry = shared(*argv, "--json"), shared(*argv, "--json", "--dry-run")
    assert real.returncode not in (0, 3)
    assert (dry.returncode, dry.stdout, dry.stderr) == (real.returncode, b"", real.stderr)
