"""Engines that are not as usual: one that sees other files than this machine, and one that maps users."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.own_engine import Machine, why_not
from tests.acceptance.team import Team
from tests.conftest import AGENT_UID

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

Power = Callable[[Machine], Machine]

#: The map of users is this machine's alone: it has a copy of /etc.
OWN_MAP = """
cp -a /etc /run/etc && mount --bind /run/etc /etc && echo nobody:300000:65536 | tee /etc/subuid >/etc/subgid
"""


@pytest.fixture
def power() -> Iterator[Power]:
    """Turns a machine on, and leaves nothing of it at the end."""
    made: list[Machine] = []

    def on(machine: Machine) -> Machine:
        made.append(machine)
        machine.power_on()
        return machine

    yield on
    for machine in made:
        machine.scrap()


@pytest.fixture
def team(power: Power, home: Path) -> Iterator[Callable[..., Team]]:
    """A team whose engine is a machine's."""
    made: list[Team] = []

    def on(machine: Machine, image: str = "") -> Team:
        made.append(Team(home, machine.model, machine.host, image))
        return made[-1]

    yield on
    for one in made:
        one.clean()


def engine_check(team: Team) -> dict[str, Any]:
    """What the doctor says of the engine."""
    checks = json.loads(team.run("doctor", "--json").out)["checks"]
    (found,) = [check for check in checks if check["name"] == "engine"]
    assert isinstance(found, dict)
    return found


def test_an_engine_that_sees_other_files_is_refused_before_anything_is_made(
    power: Power, team: Callable[..., Team], home: Path
) -> None:
    """As one on another machine does: not even an image is built there. Once it sees them, all is well."""
    machine = power(Machine())
    machine.inside("mount", "-t", "tmpfs", "tmpfs", str(home))
    far = team(machine)
    for args in (["launch", "reviewer"], ["launch", "reviewer", "--dry-run"]):
        refused = far.run(*args, "--json")
        error = json.loads(refused.err)["error"]
        assert (refused.code, error["code"]) == (1, "engine_unfit"), refused
        assert f"{machine.host} (DOCKER_HOST) does not see the files in {home}" in error["message"]
        assert error["hint"]
    assert far.ok("ps", "--all") == []
    assert not (home / "outputs/agents").exists()
    assert far.client.containers.list(all=True) == []
    assert far.client.images.list() == []
    assert {network.name for network in far.client.networks.list()} == {"bridge", "host", "none"}
    assert engine_check(far)["status"] == "fail"
    machine.inside("umount", str(home))
    assert engine_check(far)["status"] == "ok"
    assert list(home.glob(".*")) == []


@pytest.fixture(scope="module")
def mapping(agent_image: str) -> Iterator[Machine]:
    """A machine whose engine maps users."""
    machine = Machine("--userns-remap=nobody:nogroup", before=OWN_MAP)
    try:
        machine.power_on()
        machine.load(agent_image)
        yield machine
    finally:
        machine.scrap()


@pytest.mark.agent
def test_where_an_engine_maps_users_agents_are_exempt_and_it_is_said(
    mapping: Machine, team: Callable[..., Team], agent_image: str
) -> None:
    """Their files have their owner on both sides; whoever set the map learns of it."""
    mapped = team(mapping, agent_image)
    view = mapped.launch("reviewer")
    assert any("userns-remap" in warning for warning in view["warnings"])
    assert "userns-remap" in engine_check(mapped)["detail"]
    assert "It said" in mapped.answer("reviewer", "run touch /work/mine")
    assert (mapped.folder(view) / "workspace/mine").stat().st_uid == AGENT_UID
    assert mapped.inside(view, "cat", "/proc/self/uid_map").split() == ["0", "0", "4294967295"]


def test_a_workspace_that_the_engine_does_not_find_is_told_and_the_launch_leaves_nothing(
    mapping: Machine, team: Callable[..., Team], agent_image: str, home: Path, tmp_path: Path
) -> None:
    """It sees the data directory, and of the workspace's path it has nothing."""
    (tmp_path / "shop").mkdir()
    tmp_path.chmod(0o755)
    mapping.inside("mount", "-t", "tmpfs", "tmpfs", str(tmp_path))
    partly = team(mapping, agent_image)
    refused = partly.run("launch", "reviewer", "--workspace", str(tmp_path / "shop"), "--json")
    error = json.loads(refused.err)["error"]
    assert (refused.code, error["code"]) == (1, "engine_refused"), refused
    assert error["message"].endswith(f"bind source path does not exist: {tmp_path}/shop")
    assert error["hint"] == "the engine has to find it under the same path as this machine"
    assert partly.ok("ps", "--all") == []
    assert list((home / "outputs/agents").iterdir()) == []
    assert partly.client.containers.list(all=True) == []
