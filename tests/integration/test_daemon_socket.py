"""A daemon's socket that somebody removes, as a cleaner of /tmp does: it is bound again."""

import asyncio
import json
import shutil
import stat
import tempfile
from pathlib import Path

from orchestrator.client.autostart import listens
from orchestrator.daemon.home import current_socket_path, log_path, read_daemon_record
from orchestrator.testing.waiting import until
from tests.integration.dry_team import Team, make_team, team

__all__ = ["team"]


def _listens_again(path: Path) -> None:
    asyncio.run(until(lambda: listens(path)))


def test_a_removed_socket_is_bound_again(team: Team) -> None:
    """By the same daemon, for its user alone; what was open stays open, and no session is let go of."""
    team.text("launch", "reviewer")
    pid = team.daemon_pid()
    path = current_socket_path(team.home)
    with team.popen("stream", "reviewer", "-f", "--ndjson") as stream:
        assert stream.stdout is not None
        told = [stream.stdout.readline()]
        for _ in range(2):
            path.unlink()
            _listens_again(path)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        team.text("send", "reviewer", "hello", "--wait", "turn")
        team.text("stop", "reviewer")
        told += stream.stdout
        assert stream.wait(60) == 0
    assert [json.loads(line)["seq"] for line in told] == list(range(1, len(told) + 1))
    assert team.daemon_pid() == pid
    log = [json.loads(line)["event"] for line in log_path(team.home).read_text().splitlines()]
    assert (log.count("serving"), log.count("socket_bound_again")) == (1, 2)
    team.end()
    assert not path.exists()


def test_a_socket_that_went_with_its_folder_comes_back_with_one(tmp_path: Path) -> None:
    """A long path moves the socket to a folder that somebody else may clean."""
    home = tmp_path / ("long" * 30)
    home.mkdir()
    runtime = Path(tempfile.mkdtemp(prefix="socket-"))
    team = Team(home, make_team(home).environment | {"XDG_RUNTIME_DIR": str(runtime)})
    try:
        _survives_its_folder(team, runtime)
    finally:
        team.end()
    runtime.rmdir()


def _survives_its_folder(team: Team, runtime: Path) -> None:
    team.text("ps")
    record = read_daemon_record(team.home)
    assert record is not None
    path = Path(record.socket)
    assert path.parent == runtime
    shutil.rmtree(runtime.rename(team.home / "cleaned"))
    _listens_again(path)
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    team.text("ps")
    assert team.daemon_pid() == record.pid
