"""The daemon behind the commands: started once, replaced, found again, and where it cannot be, said so."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.daemon.home import current_socket_path, daemon_directory
from tests.children import child
from tests.integration.dry_team import SCRIPT, Team, make_team, shared, team
from tests.unit.cli.terminal import on_a_terminal

__all__ = ["shared", "team"]

#: A command of another version: the same code that calls itself something else.
OTHER_VERSION = (
    "import sys, orchestrator; orchestrator.__version__ = '9.9.9';"
    "from orchestrator.cli.main import main; sys.exit(main())"
)


def test_commands_that_race_for_the_daemon_share_one(team: Team) -> None:
    """Eight first commands at once: one daemon, eight answers."""
    with ThreadPoolExecutor(8) as pool:
        pids = set(pool.map(lambda _: team.json("daemon-start", "daemon", "start")["pid"], range(8)))
    assert len(pids) == 1
    log = (team.home / "outputs" / "daemon" / "daemon.log").read_text()
    assert len(log.splitlines()) == 1, "more than one was started"


@pytest.mark.parametrize("argv", [("ps",), ("daemon", "start"), ("launch", "a")])
def test_a_start_that_takes_its_time_is_told_on_a_terminal(team: Team, argv: tuple[str, ...]) -> None:
    """In a line that is taken away before the answer. Here somebody else's turn holds the start up."""
    directory = daemon_directory(team.home)
    directory.mkdir(mode=0o700, parents=True)
    ours, theirs = pty.openpty()
    environment = team.environment | {"TERM": "xterm", "NO_COLOR": "1"}
    with ExitStack() as stack:
        lock = stack.enter_context((directory / "start.lock").open("ab"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = stack.enter_context(
            child([SCRIPT, *argv], env=environment, stdout=subprocess.PIPE, stderr=theirs)
        )
        os.close(theirs)
        seen = b""
        while b"starting the daemon" not in seen:
            seen += os.read(ours, 65536)
        fcntl.flock(lock, fcntl.LOCK_UN)
        while block := _read(ours):
            seen += block
        assert process.wait(60) == 0
    os.close(ours)
    assert seen.rpartition(b"starting the daemon")[2].startswith(b"\r\n\x1b[?25h\r\x1b[1A\x1b[2K")


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:  # what a terminal says when its last program has left
        return b""


@pytest.mark.parametrize("form", ["-q", "--json"])
def test_a_start_is_not_told_to_programs(team: Team, form: str) -> None:
    """Nor off a terminal."""
    text, status = on_a_terminal(team.environment, "ps", form)
    assert (status, "starting" in text) == (0, False)
    team.end()
    assert b"starting" not in team("ps").stderr


def test_a_killed_daemon_comes_back_with_the_next_command(team: Team) -> None:
    """`kill -9` loses no record: the next command starts a daemon that knows the session."""
    session_id = team.json("launch", "launch", "writer")["session_id"]
    first = team.daemon_pid()
    os.kill(first, signal.SIGKILL)
    assert [view["session_id"] for view in team.json("ps", "ps")] == [session_id]
    assert team.daemon_pid() != first


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
