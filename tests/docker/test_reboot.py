"""`daemon install` on a computer that really boots systemd, and what runs by itself after a reboot."""

import json
import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator.containers.scripted_model import BASE_URL
from tests.acceptance.team import until
from tests.docker import computer as computers
from tests.docker.computer import COMMAND, Computer, Done

pytestmark = [pytest.mark.docker, pytest.mark.agent]

ROLES = ("reviewer", "builder")
#: The engine starts when somebody lets it.
HELD_UP = """
[Service]
ExecStartPre=/bin/sh -c "until [ -e /run/go ]; do sleep 0.1; done"
"""
#: Asked inside the model's container: what it was sent since it was started.
REQUESTS = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/__requests').read().decode())"


class Team:
    """A data directory of ana's, and the command as she types it."""

    def __init__(self, computer: Computer, image: str) -> None:
        self.computer = computer
        self.home = f"/home/ana/team-{secrets.token_hex(4)}"
        self.settings = f'[model]\nbase_url = "{BASE_URL}"\n[agent]\nimage = "{image}"\n'
        computer.ana("mkdir", self.home)
        self.configure(self.settings)

    def run(self, *args: str, command: str = COMMAND) -> Done:
        return self.computer.ana(command, *args, "--home", self.home, "--json", check=False)

    def ok(self, *args: str, command: str = COMMAND) -> Any:
        done = self.run(*args, command=command)
        assert done.code == 0, (args, done.code, done.err, self.log(), self.computer.journal())
        return done.json

    def refused(self, *args: str) -> tuple[int, str]:
        """The exit code and the error's."""
        done = self.run(*args)
        return done.code, str(json.loads(done.err)["error"]["code"])

    def root(self, *args: str) -> Any:
        done = self.computer.root(COMMAND, *args, "--home", self.home, "--json")
        return done.json

    def answer(self, role: str, text: str) -> str:
        receipt = self.ok("send", role, text, "--wait", "turn", "--timeout", "60")
        return str(receipt["turn"]["answer"])

    def launch(self) -> None:
        for role in ROLES:
            self.ok("launch", role)
        self.ok("model", "up")

    def views(self) -> dict[str, Any]:
        """What stays the same of each role's session, if it is still that session."""
        same = ("session_id", "thread_id", "container_name", "branch")
        return {view["role"]: {key: view[key] for key in same} for view in self.ok("ps")}

    def daemon(self) -> Any:
        """Asking starts none."""
        return self.ok("daemon", "status")

    def runs_by_itself(self) -> bool:
        return self.run("daemon", "status").code == 0

    def requests(self) -> list[Any]:
        name = f"orchestrator-{self.daemon()['project_id']}-model"
        found = self.computer.root("docker", "exec", name, "python3", "-c", REQUESTS).json
        return list(found["requests"])

    def configure(self, text: str) -> None:
        path = f"{self.home}/orchestrator.toml"
        self.computer.ana("sh", "-c", f'printf %s "$1" > "{path}"', "sh", text)

    def log(self) -> str:
        return self.computer.root("cat", f"{self.home}/outputs/daemon/daemon.log", check=False).out[-3000:]

    def end(self) -> None:
        for view in self.ok("ps"):
            self.ok("rm", view["session_id"], "--force", "--purge")
        self.ok("model", "down")
        self.run("daemon", "uninstall")
        self.ok("daemon", "stop")


@pytest.fixture(scope="module")
def computer(
    agent_image: str, model_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Computer]:
    """It is on, and has the command and the images."""
    computers.build()
    wheel = computers.build_wheel(tmp_path_factory.mktemp("wheel"))
    one = Computer()
    try:
        one.power_on()
        one.install(wheel)
        one.load(agent_image, model_image)
        yield one
    finally:
        one.scrap()


@pytest.fixture
def team(computer: Computer, agent_image: str) -> Iterator[Team]:
    made = Team(computer, agent_image)
    yield made
    sys.stderr.write(made.log())
    made.end()


def user(team: Team, *args: str) -> str:
    """What ana's systemd says."""
    return team.computer.ana("systemctl", "--user", *args, check=False).out.strip()


def units(team: Team) -> list[str]:
    """Whatever ana's systemd has of us, on disk or in its head."""
    files = team.computer.ana("find", ".config", "-name", "orchestrator*", check=False).out.split()
    return files + user(team, "list-units", "--all", "--plain", "--no-legend", "orchestrator*").splitlines()


def test_a_team_is_running_again_after_a_reboot_with_its_threads(team: Team) -> None:
    """Shut down in order, and then with the power cut; codex knows what was said before."""
    team.launch()
    for role in ROLES:
        assert team.answer(role, f"hello {role}") == f"You said: hello {role}"
    before = team.views()
    by_hand = team.daemon()
    assert by_hand["systemd"] is None

    assert team.refused("daemon", "install") == (2, "invalid_input")  # nothing of hers is started at boot
    assert units(team) == []
    assert team.daemon()["pid"] == by_hand["pid"]
    team.computer.root("loginctl", "enable-linger", "ana")
    unit = team.ok("daemon", "install")["unit"]
    assert team.daemon()["systemd"] == "user"

    for leave in (team.computer.shut_down, team.computer.cut_power):
        leave()
        team.computer.boot()
        until(team.runs_by_itself)
        assert team.daemon()["systemd"] == "user"
        assert team.views() == before  # and the model is there again by itself
        for role in ROLES:
            assert team.answer(role, f"again {role}") == f"You said: again {role}"
        for role, request in zip(ROLES, map(json.dumps, team.requests()), strict=True):
            assert f"hello {role}" in request
            assert f"again {role}" in request

    assert user(team, "show", "--property=MainPID", unit) == f"MainPID={team.daemon()['pid']}"
    team.ok("daemon", "uninstall")
    assert units(team) == []
    assert team.refused("daemon", "status") == (6, "daemon_unreachable")
    assert team.answer("reviewer", "goodbye") == "You said: goodbye"  # the session went on
    assert team.daemon()["systemd"] is None


def test_a_unit_s_daemon_is_started_again_when_it_dies_and_not_when_it_is_stopped(team: Team) -> None:
    """A stopped one comes with the next command, by systemd; wrong settings are tried once, and said."""
    team.computer.root("loginctl", "enable-linger", "ana")
    wrong = f"{team.settings}nonsense = 1\n"
    team.configure(wrong)
    assert team.refused("daemon", "install") == (2, "settings_invalid")
    assert units(team) == []
    team.configure(team.settings)
    unit = team.ok("daemon", "install")["unit"]
    assert team.ok("daemon", "install")["unit"] == unit
    first = team.daemon()["pid"]
    team.computer.ana("kill", "-KILL", str(first))
    until(lambda: user(team, "show", "--property=NRestarts", unit) == "NRestarts=1")
    until(team.runs_by_itself)
    second = team.daemon()
    assert (second["systemd"], second["pid"] != first) == ("user", True)

    assert team.ok("daemon", "stop") == {"stopped": True, "pid": second["pid"]}
    assert user(team, "is-active", unit) == "inactive"
    assert team.refused("daemon", "status") == (6, "daemon_unreachable")
    (step,) = team.ok("daemon", "start", "--dry-run")["plan"]
    assert step["what"] == f"systemctl --user start {unit}"
    team.ok("ps")
    third = team.daemon()
    assert third["systemd"] == "user"
    assert user(team, "show", "--property=MainPID", unit) == f"MainPID={third['pid']}"

    team.configure(wrong)
    assert team.refused("daemon", "install") == (2, "settings_invalid")
    assert team.refused("ps") == (2, "settings_invalid")
    assert user(team, "is-active", unit) == "failed"
    assert user(team, "show", "--property=NRestarts", unit) == "NRestarts=0"
    team.configure(team.settings)
    team.ok("ps")
    assert team.daemon()["systemd"] == "user"


def test_an_installation_elsewhere_takes_the_unit_over(team: Team) -> None:
    """Until then its commands start its own daemon: the unit would start another version."""
    team.computer.root("loginctl", "enable-linger", "ana")
    team.ok("daemon", "install")
    newer = Path(COMMAND.replace("orchestrator/", "newer/"))
    team.computer.root("cp", "-a", "/opt/orchestrator", "/opt/newer")
    team.computer.root("sed", "-i", "1s,/opt/orchestrator,/opt/newer,", str(newer))
    team.ok("daemon", "stop", command=str(newer))
    team.ok("ps", command=str(newer))
    assert team.daemon()["systemd"] is None
    path = team.ok("daemon", "install", command=str(newer))["path"]
    assert team.daemon()["systemd"] == "user"
    assert 'ExecStart="/opt/newer/bin/python"' in team.computer.root("cat", path).out
    team.computer.root("rm", "-rf", "/opt/newer")


def test_a_system_s_unit_is_started_after_the_engine_as_the_owner_of_the_data(team: Team) -> None:
    """Without ana's lingering; where the engine comes late the daemon waits for it."""
    team.computer.root("loginctl", "disable-linger", "ana")
    team.launch()
    assert team.answer("reviewer", "hello") == "You said: hello"
    before = team.views()
    unit = team.root("daemon", "install", "--system")["unit"]
    assert team.refused("daemon", "install") == (5, "data_directory_busy")

    team.computer.reboot()
    until(team.runs_by_itself)
    status = team.daemon()
    assert status["systemd"] == "system"
    assert moment(team, unit, "ExecMainStart") > moment(team, "docker.service", "ActiveEnter")
    assert team.computer.root("stat", "--format=%U", f"/proc/{status['pid']}").out.strip() == "ana"
    assert team.views() == before

    team.computer.root("systemctl", "mask", "docker.service", "docker.socket")
    team.computer.reboot()
    until(team.runs_by_itself)
    assert team.daemon()["engine"]["ok"] is False
    assert team.refused("send", "reviewer", "nobody there") == (6, "engine_unreachable")
    team.computer.root("systemctl", "unmask", "docker.service", "docker.socket")
    team.computer.root("systemctl", "start", "docker.service")
    until(lambda: team.daemon()["engine"]["ok"])
    team.ok("resume-all")
    assert team.views() == before
    assert team.answer("reviewer", "there again") == "You said: there again"

    assert team.root("daemon", "uninstall", "--system")["installed"] is False
    left = team.computer.root("systemctl", "list-units", "--all", "--plain", "--no-legend", "orchestrator*")
    assert left.out == ""
    assert team.computer.root("find", "/etc/systemd", "-name", "orchestrator*").out == ""
    assert team.computer.root("find", team.home, "-user", "root").out == ""


def test_a_command_that_is_typed_while_the_unit_waits_at_boot_starts_no_second_daemon(team: Team) -> None:
    """Ana may not start a system's unit: her command waits with it for the engine."""
    unit = team.root("daemon", "install", "--system")["unit"]
    override = "/etc/systemd/system/docker.service.d"
    team.computer.root("mkdir", override)
    team.computer.root("sh", "-c", f'printf %s "$1" > {override}/held-up.conf', "sh", HELD_UP)
    team.computer.shut_down()
    team.computer.switch_on()
    until(lambda: team.computer.root("systemctl", "is-active", "docker", check=False).out == "activating\n")
    waits = team.computer.root("systemctl", "show", "--property=ActiveState,Job", unit).out.split()
    assert "ActiveState=inactive" in waits
    assert "Job=0" not in waits
    with ThreadPoolExecutor(1) as pool:
        typed = pool.submit(team.run, "ps")
        until(lambda: asks_systemd(team))
        team.computer.root("touch", "/run/go")
        assert typed.result().code == 0
    assert team.daemon()["systemd"] == "system"
    team.computer.root("rm", "-r", override)
    team.computer.wait_until_up()
    assert team.root("daemon", "uninstall", "--system")["installed"] is False


def asks_systemd(team: Team) -> bool:
    """Whether a command has its turn to start a daemon."""
    held = team.computer.root(
        "flock", "--nonblock", f"{team.home}/outputs/daemon/start.lock", "true", check=False
    )
    return held.code == 1


def moment(team: Team, unit: str, event: str) -> int:
    """When that happened since the boot, in microseconds, by systemd's word."""
    shown = team.computer.root("systemctl", "show", f"--property={event}TimestampMonotonic", unit)
    return int(shown.out.split("=")[1])
