"""The installed console script with a real daemon of `runtime = "dry"`: every verb, as text and as JSON."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.schemas import adapter
from orchestrator.client import Client, send_message, snapshot_transcript, stream_logs
from orchestrator.daemon.home import current_socket_path, read_daemon_record
from tests.children import child

SCRIPT = str(Path(sys.executable).with_name("orchestrator"))
#: A command of another version: the same code that calls itself something else.
OTHER_VERSION = (
    "import sys, orchestrator; orchestrator.__version__ = '9.9.9';"
    "from orchestrator.cli.main import main; sys.exit(main())"
)


@dataclass(frozen=True)
class Team:
    """One data directory and a way to type commands for it."""

    home: Path
    environment: dict[str, str]

    def __call__(self, *argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [SCRIPT, *argv],
            input=stdin,
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def text(self, *argv: str) -> str:
        """The output of a command that has to succeed."""
        done = self(*argv)
        assert done.returncode == 0, (argv, done.stderr.decode())
        return done.stdout.decode()

    def json(self, schema: str, *argv: str, status: int = 0) -> Any:
        """The document, which has to fit its schema."""
        done = self(*argv, "--json")
        assert done.returncode == status, (argv, done.stderr.decode())
        adapter(schema).validate_json(done.stdout)
        return json.loads(done.stdout)

    def error(self, *argv: str) -> tuple[int, str]:
        """The exit status and the code of a command that has to fail."""
        done = self(*argv, "--json")
        assert done.stdout == b""
        adapter("error").validate_json(done.stderr)
        return done.returncode, json.loads(done.stderr)["error"]["code"]

    def popen(self, *argv: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
        return child([SCRIPT, *argv], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def daemon_pid(self) -> int:
        record = read_daemon_record(self.home)
        assert record is not None
        return record.pid

    def end(self) -> None:
        done = self("daemon", "stop")
        assert done.returncode == 0, done.stderr.decode()


def make_team(home: Path) -> Team:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    return Team(
        home,
        kept
        | {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "ORCHESTRATOR_HOME": str(home),
            "ORCHESTRATOR_RUNTIME": "dry",
            "ORCHESTRATOR_MODEL__BASE_URL": "http://127.0.0.1:1/v1",
            "ORCHESTRATOR_SENDER": "ana",
        },
    )


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    made = make_team(tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A team for tests that only look, with one session `reviewer` that was told one thing."""
    made = make_team(tmp_path_factory.mktemp("shared"))
    made.text("launch", "reviewer")
    made.text("send", "reviewer", "hello", "--wait", "turn")
    yield made
    made.end()


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


def test_a_stream_reads_the_history_in_every_form(shared: Team) -> None:
    """Readable, as lines, and as pages with a cursor, of the same events."""
    text = shared.text("stream", "reviewer")
    assert "ana → reviewer\n    hello\n" in text
    lines = [json.loads(line) for line in shared.text("stream", "reviewer", "--ndjson").splitlines()]
    for line in lines:
        adapter("envelope").validate_python(line)
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    first = shared.json("stream", "stream", "reviewer", "--limit", "2")
    rest = shared.json("stream", "stream", "reviewer", "--since-seq", str(first["next_seq"]))
    assert [*first["events"], *rest["events"]] == lines


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


def test_commands_that_race_for_the_daemon_share_one(team: Team) -> None:
    """Eight first commands at once: one daemon, eight answers."""
    with ThreadPoolExecutor(8) as pool:
        pids = set(pool.map(lambda _: team.json("daemon-start", "daemon", "start")["pid"], range(8)))
    assert len(pids) == 1
    log = (team.home / "outputs" / "daemon" / "daemon.log").read_text()
    assert len(log.splitlines()) == 1, "more than one was started"


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


def test_a_killed_daemon_comes_back_with_the_next_command(team: Team) -> None:
    """`kill -9` loses no record: the next command starts a daemon that knows the session."""
    session_id = team.json("launch", "launch", "writer")["session_id"]
    first = team.daemon_pid()
    os.kill(first, signal.SIGKILL)
    assert [view["session_id"] for view in team.json("ps", "ps")] == [session_id]
    assert team.daemon_pid() != first


def test_a_followed_stream_ends_when_its_session_is_stopped(team: Team) -> None:
    """It ends by itself, with exit 0, and has told of the end; another session's goes on."""
    team.text("launch", "writer")
    team.text("launch", "reader")
    with (
        team.popen("stream", "writer", "-f", "--ndjson") as ending,
        team.popen("stream", "reader", "-f") as other,
    ):
        team.text("stop", "writer")
        out, _ = ending.communicate(timeout=60)
        assert ending.returncode == 0
        assert "session_stopped" in out.decode()
        assert other.poll() is None
        other.send_signal(signal.SIGINT)
        _, err = other.communicate(timeout=60)
        assert other.returncode == 130
        assert b"Traceback" not in err


def test_a_followed_stream_survives_the_daemons_death(team: Team) -> None:
    """Across a `kill -9` each event comes once, in order."""
    team.text("launch", "writer")
    with team.popen("stream", "writer", "-f", "--ndjson") as stream:
        assert stream.stdout is not None
        seqs = [json.loads(stream.stdout.readline())["seq"]]
        os.kill(team.daemon_pid(), signal.SIGKILL)
        team.text("send", "writer", "after the death", "--wait", "turn")
        while (event := json.loads(stream.stdout.readline()))["text"] != "after the death":
            seqs.append(event["seq"])
        seqs.append(event["seq"])
        stream.terminate()
        stream.communicate(timeout=60)
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_daemon_of_another_version_is_refused_and_can_be_replaced(team: Team) -> None:
    """A command of a new version says so (exit 6), and its `daemon stop` makes way."""
    team.text("daemon", "start")

    def newer(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", OTHER_VERSION, *argv],
            env=team.environment,
            cwd=team.home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    refused = newer("ps")
    assert refused.returncode == 6
    assert "orchestrator daemon stop" in refused.stderr
    assert newer("daemon", "stop").returncode == 0
    assert team("daemon", "status").returncode == 6


def test_a_daemon_that_cannot_start_says_why(team: Team) -> None:
    """The last line of its log reaches the user, at once."""
    (team.home / "orchestrator.toml").write_text("[agent]\npids = 'many'\n")
    done = team("ps")
    assert done.returncode == 2
    assert b"agent.pids" in done.stderr


def test_a_data_directory_with_a_long_path_still_has_a_socket(tmp_path: Path) -> None:
    """Over the kernel's limit the socket moves by itself."""
    home = tmp_path / ("long" * 20) / ("path" * 10)
    home.mkdir(parents=True)
    team = make_team(home)
    runtime = tmp_path / "run"
    team.environment["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        assert not str(team.json("daemon-start", "daemon", "start")["socket"]).startswith(str(home))
        assert team.json("ps", "ps") == []
    finally:
        team.end()
    assert not current_socket_path(home).exists()


def test_two_data_directories_do_not_see_each_other(shared: Team, team: Team, tmp_path: Path) -> None:
    """Each has its own daemon and its own sessions."""
    assert team.json("ps", "ps") == []
    assert team.error("status", "reviewer") == (4, "session_not_found")
    assert shared.json("status", "status", "reviewer")["role"] == "reviewer"


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


def test_nobody_else_can_read_what_the_daemon_says(team: Team) -> None:
    """The socket and the log are their owner's alone."""
    team.text("daemon", "start")
    assert current_socket_path(team.home).stat().st_mode & 0o077 == 0
    assert (team.home / "outputs/daemon/daemon.log").stat().st_mode & 0o077 == 0


def test_an_unwritable_home_is_one_clear_line(tmp_path: Path) -> None:
    """A data directory that is a file, or lies in one, is an input error."""
    (tmp_path / "file").touch()
    team = make_team(tmp_path)
    team.environment["ORCHESTRATOR_HOME"] = str(tmp_path / "file" / "data")
    done = team("launch", "writer")
    assert done.returncode == 2
    assert b"cannot be written" in done.stderr
    assert b"Traceback" not in done.stderr


def test_reading_stops_quietly_when_the_reader_leaves(shared: Team) -> None:
    """`orchestrator stream … | head -1` shows no error."""
    command = f"{SCRIPT} stream reviewer --ndjson | head -1 | wc -l"
    done = subprocess.run(
        ["bash", "-c", command], env=shared.environment, capture_output=True, timeout=60, check=True
    )
    assert (done.stdout.strip(), done.stderr) == (b"1", b"")
