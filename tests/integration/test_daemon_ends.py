"""How a daemon ends, as a real process on in-memory containers: in order, without a trace, known to all."""

import json
import os
import select
import signal

import pytest
from filelock import FileLock

from orchestrator.client.stopping import stop_daemon
from orchestrator.daemon.home import current_socket_path, lock_path, log_path, record_path
from tests.integration.dry_team import Team, team

__all__ = ["team"]


def ended(pid: int) -> None:
    """Wait for the end of a process that is not ours."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 20)[0], "it still runs"
    finally:
        os.close(handle)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(team: Team, number: signal.Signals) -> None:
    """It lets go of everything: no record, no socket, no trace in its log, although a stream is open."""
    team.text("launch", "reviewer")
    with team.popen("stream", "reviewer", "-f", "--ndjson") as stream:
        assert stream.stdout is not None
        first = stream.stdout.readline()
        pid = team.daemon_pid()
        os.kill(pid, number)
        ended(pid)
        assert not record_path(team.home).exists()
        assert not current_socket_path(team.home).exists()
        log = log_path(team.home).read_text()
        assert json.loads(log.splitlines()[-1])["event"] == "stopped"
        assert "Traceback" not in log
        team.text("send", "reviewer", "hello", "--wait", "turn")
        team.text("stop", "reviewer")
        told = [first, *stream.stdout]
        assert stream.wait(60) == 0
    assert [json.loads(line)["seq"] for line in told] == list(range(1, len(told) + 1))


def test_a_daemon_whose_socket_was_replaced_can_be_stopped(team: Team) -> None:
    """It cannot be reached, but it holds the lease, so it is told by a signal."""
    team.text("ps")
    pid = team.daemon_pid()
    link = team.home / "link"
    link.symlink_to("nowhere")
    link.replace(current_socket_path(team.home))
    for command in (["ps"], ["daemon", "status"]):
        refused = team(*command)
        assert refused.returncode == 6
        assert f"(process {pid}) runs, but its socket was removed" in refused.stderr.decode()
        assert "`orchestrator daemon stop`" in refused.stderr.decode()
    assert log_path(team.home).read_text().count("another daemon serves") <= 1
    assert stop_daemon(team.home) is True
    ended(pid)
    team.text("ps")


def test_a_command_that_meets_a_daemon_that_lets_go_starts_the_next_one(team: Team) -> None:
    """It has closed its socket and still holds the data directory; nobody has to wait until time is up."""
    team.text("ps")
    team.text("daemon", "stop")
    lease = FileLock(lock_path(team.home))
    lease.acquire()
    with team.popen("ps") as command:
        while b"another daemon serves" not in log_path(team.home).read_bytes():
            assert command.poll() is None
        lease.release()
        _, err = command.communicate(timeout=60)
        assert (command.returncode, b"error" in err) == (0, False)


def test_a_record_of_a_dead_daemon_names_nobody(team: Team) -> None:
    """Its pid may be another program's by now; nobody holds the lease, so nobody is told anything."""
    team.text("ps")
    team.text("daemon", "stop")
    record = {
        "schema": 1,
        "pid": os.getpid(),
        "version": "0",
        "socket": "",
        "started_at": "",
        "project_id": "",
    }
    record_path(team.home).write_text(json.dumps(record))
    assert stop_daemon(team.home) is False
    team.text("ps")


def test_a_path_where_no_socket_can_be_is_told_in_one_line(team: Team) -> None:
    """A folder lies where the socket goes."""
    current_socket_path(team.home).mkdir(parents=True)
    done = team("ps")
    assert done.returncode == 6
    assert b"there can be no socket at" in done.stderr
    assert b"error: error" not in done.stderr
    assert b"Traceback" not in log_path(team.home).read_bytes()
    current_socket_path(team.home).rmdir()
