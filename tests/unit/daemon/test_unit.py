"""The systemd unit: what stands in it, and that systemd itself takes it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.daemon.unit import Scope, Unit, UnitName, exec_start, is_for, quoted


def unit(scope: Scope = Scope.USER, home: Path = Path("/srv/team"), **environment: str) -> Unit:
    return Unit(
        name=UnitName(scope=scope, project_id="0badcafe"),
        home=home,
        log=home / "outputs/daemon/daemon.log",
        python=Path(sys.executable),
        environment=environment,
        user="ana",
    )


def test_a_user_s_unit_is_started_and_kept_alive_by_his_own_systemd() -> None:
    """It is among his own units, and ends with whatever was running before."""
    made = unit()
    assert made.name.path(Path("/home/ana/.config")) == Path(
        "/home/ana/.config/systemd/user/orchestrator-0badcafe.service"
    )
    assert made.name.enable() == [
        ["systemctl", "--user", "daemon-reload"],
        ["systemctl", "--user", "enable", "orchestrator-0badcafe.service"],
        ["systemctl", "--user", "restart", "orchestrator-0badcafe.service"],
    ]
    assert "WantedBy=default.target" in made.text()
    assert "User=" not in made.text()


def test_a_unit_is_known_by_its_data_directory_and_by_who_wrote_it() -> None:
    """Another's directory of the same project is a copy; another's Python is another version."""
    text = unit(home=Path("/srv/50% team")).text()
    assert is_for(text, Path("/srv/50% team"))
    assert not is_for(text, Path("/srv/50% team 2"))
    assert exec_start(Path(sys.executable), Path("/srv/50% team"), Scope.USER) in text.splitlines()
    assert exec_start(Path("/old/python"), Path("/srv/50% team"), Scope.USER) not in text.splitlines()


def test_a_system_s_unit_waits_for_the_engine() -> None:
    """Otherwise each boot would begin with an engine that does not answer."""
    made = unit(Scope.SYSTEM)
    assert made.name.path(Path("/nowhere")) == Path("/etc/systemd/system/orchestrator-0badcafe.service")
    assert "After=docker.service" in made.text()
    assert "User=ana" in made.text()  # what the daemon writes stays the owner's
    assert made.name.disable()[0][-3:] == ["disable", "--now", "orchestrator-0badcafe.service"]


def test_only_what_the_daemon_needs_of_the_environment_is_written_down() -> None:
    """A unit is a file that others may read: no key, no token."""
    text = unit(PATH="/usr/bin", DOCKER_HOST="unix:///d.sock", OPENAI_API_KEY="sk-1", HOME="/h").text()
    assert 'Environment="PATH=/usr/bin"' in text
    assert 'Environment="DOCKER_HOST=unix:///d.sock"' in text
    context = unit(DOCKER_CONTEXT="mine", DOCKER_CONFIG="/c").text()
    assert 'Environment="DOCKER_CONTEXT=mine"\nEnvironment="DOCKER_CONFIG=/c"' in context
    assert 'Environment="PATH=/a$b"' in unit(PATH="/a$b").text()  # nothing is replaced there
    assert "sk-1" not in text
    settings = unit(ORCHESTRATOR_MODEL__NAME="m 1", ORCHESTRATOR_HOME="/h", ORCHESTRATOR_SENDER="ana").text()
    assert [line for line in settings.splitlines() if line.startswith("Environment=")] == [
        'Environment="ORCHESTRATOR_MODEL__NAME=m 1"'
    ]


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("name", ["team", "a team", "50% of $HOME", 'a "quoted" \\ one'])
def test_systemd_takes_it_whatever_the_data_directory_is_called(
    tmp_path: Path, scope: Scope, name: str
) -> None:
    """`systemd-analyze verify` finds no fault in it."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    home = tmp_path / name
    home.mkdir()
    made = unit(scope, home, PATH="/usr/local/bin:/usr/bin", DOCKER_HOST="unix:///run/docker 1.sock")
    assert complaints(tmp_path, str(made.name), made.text(), scope) == []
    assert complaints(tmp_path, str(made.name), made.text().replace('"-P"', '"-P'), scope) != []


def complaints(folder: Path, name: str, text: str, scope: Scope) -> list[str]:
    path = folder / name
    path.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(["--user"] if scope is Scope.USER else []), str(path)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Failed to initialize" not in done.stderr
    return [line for line in done.stderr.splitlines() if name in line and "docker.service" not in line]


def test_a_word_reaches_the_daemon_as_it_is() -> None:
    """Systemd would read specifiers, variables, escapes and quotes in it."""
    assert quoted("50%h") == '"50%%h"'
    assert quoted("$HOME") == '"$$HOME"'
    assert quoted('a "b" \\c') == '"a \\"b\\" \\\\c"'
