"""`daemon install` as it is typed: what it would write and call, and what it says where systemd is not."""

import os
import pwd
import sys
from pathlib import Path

import pytest

from orchestrator.client import installing, systemd
from orchestrator.core.errors import NoSystemd
from orchestrator.daemon.unit import Scope, Unit, UnitName
from tests.integration.dry_team import Team, team

__all__ = ["team"]


def test_a_dry_run_shows_the_unit_and_the_calls(team: Team) -> None:
    """And writes nothing: neither is there a unit afterwards, nor is one to be taken away."""
    team.text("ps")
    plan = team.json("plan", "daemon", "install", "--dry-run")["plan"]
    written = plan[0]["what"]
    assert f'"--home" "{team.home}" "daemon" "run"' in written
    lingers = (installing.LINGERING / pwd.getpwuid(os.getuid()).pw_name).exists()
    programs = [] if lingers else ["loginctl"]
    assert [step["what"].split()[0] for step in plan[1:]] == [*programs, *["systemctl"] * 3]
    path = Path(written.split(" ", 1)[1].split(":\n")[0])
    assert path.is_relative_to(team.home)
    assert not path.exists()
    assert team.json("plan", "daemon", "uninstall", "--dry-run")["plan"] == []
    assert team.json("daemon-uninstall", "daemon", "uninstall")["installed"] is False


def test_without_systemd_it_says_so_and_leaves_the_daemon_running(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written, and nothing is stopped."""
    team.text("ps")
    pid = team.daemon_pid()
    monkeypatch.setattr(systemd, "BOOTED", team.home / "no-systemd")
    unit = Unit(
        name=UnitName(scope=Scope.USER, project_id="0badcafe"),
        home=team.home,
        log=team.home / "log",
        python=Path(sys.executable),
        environment={},
    )
    path = team.home / str(unit.name)
    with pytest.raises(NoSystemd):
        installing.install(unit, path)
    assert not path.exists()
    assert team.json("daemon-status", "daemon", "status")["pid"] == pid


def test_a_data_directory_that_is_not_there_gets_no_unit(team: Team) -> None:
    """A typing error would be started after each boot."""
    assert team.error("daemon", "install", "--dry-run", "--home", str(team.home / "typo")) == (
        4,
        "data_directory_missing",
    )
    assert not (team.home / "typo").exists()


def test_a_dry_start_says_what_it_would_start(team: Team) -> None:
    """And starts nothing; where a daemon runs there is nothing to do."""
    (step,) = team.json("plan", "daemon", "start", "--dry-run")["plan"]
    assert step["what"] == f"start a daemon for {team.home}"
    assert team.error("daemon", "status") == (6, "daemon_unreachable")
    team.text("daemon", "start")
    assert team.json("plan", "daemon", "start", "--dry-run")["plan"] == []
