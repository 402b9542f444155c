"""The systemd unit: what stands in it, and that systemd itself takes it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.daemon.unit import Scope, Unit, quoted


def unit(scope: Scope = Scope.USER, home: Path = Path("/srv/team"), **environment: str) -> Unit:
    return Unit(
        scope=scope, project_id="0badcafe", home=home, python=Path(sys.executable), environment=environment
    )


def test_a_user_s_unit_is_kept_alive_without_a_login() -> None:
    """It is among his own units, and lingering starts them at boot."""
    made = unit()
    assert made.path(Path("/home/ana/.config")) == Path(
        "/home/ana/.config/systemd/user/orchestrator-0badcafe.service"
    )
    assert made.enable() == [
        ["systemctl", "--user", "daemon-reload"],
        ["systemctl", "--user", "enable", "--now", "orchestrator-0badcafe.service"],
        ["loginctl", "enable-linger"],
    ]
    assert "WantedBy=default.target" in made.text()


def test_a_system_s_unit_waits_for_the_engine() -> None:
    """Otherwise each boot would begin with an engine that does not answer."""
    made = unit(Scope.SYSTEM)
    assert made.path(Path("/nowhere")) == Path("/etc/systemd/system/orchestrator-0badcafe.service")
    assert "After=docker.service" in made.text()
    assert made.disable()[0] == ["systemctl", "disable", "--now", "orchestrator-0badcafe.service"]


def test_only_what_the_daemon_needs_of_the_environment_is_written_down() -> None:
    """A unit is a file that others may read: no key, no token."""
    text = unit(PATH="/usr/bin", DOCKER_HOST="unix:///run/d.sock", OPENAI_API_KEY="sk-1", HOME="/h").text()
    assert 'Environment="PATH=/usr/bin"' in text
    assert 'Environment="DOCKER_HOST=unix:///run/d.sock"' in text
    assert 'Environment="PATH=/a$b"' in unit(PATH="/a$b").text()  # nothing is replaced there
    assert "sk-1" not in text


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
    assert complaints(tmp_path, made.name, made.text(), scope) == []
    assert complaints(tmp_path, made.name, made.text().replace('"-P"', '"-P'), scope) != []


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
