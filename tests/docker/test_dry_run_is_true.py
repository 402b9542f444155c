"""What a dry run shows is what is then done: the container, its network, secrets, thread and screen."""

import asyncio
import json
import shlex
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from orchestrator.client import Client
from orchestrator.containers import hardening, resources
from orchestrator.containers.engine import DockerEngine
from orchestrator.core import places
from orchestrator.core.ports import ContainerPlan, Mount
from orchestrator.supervisor.order import parse
from orchestrator.supervisor.thread import start_params
from tests.acceptance.conftest import home, model, team
from tests.acceptance.team import Team

__all__ = ["home", "model", "team"]

pytestmark = pytest.mark.docker


def made(name: str) -> dict[str, Any]:
    """What the engine knows of a container, without what is not set."""
    with closing(docker.from_env()) as client:
        said = client.api.inspect_container(name)
    del said["Config"]["Hostname"]  # the container's own id
    parts = {**said["Config"], **said["HostConfig"]}
    parts["CapAdd"] = sorted(name.removeprefix("CAP_") for name in parts["CapAdd"] or ())
    return {key: value for key, value in parts.items() if value}


@pytest.mark.parametrize("user_namespaces", [True, False])
async def test_the_shown_command_makes_the_same_container(
    engine: DockerEngine, plan: ContainerPlan, tmp_path: Path, *, user_namespaces: bool
) -> None:
    """Wall by wall; what is shown can be trusted."""
    mounts = (
        Mount(source=str(tmp_path), target="/work"),
        Mount(source=str(tmp_path), target="/run/secrets", read_only=True),
    )
    plan = replace(plan, mounts=mounts, cpus=1.5, user_namespaces=user_namespaces)
    await engine.create(plan)
    by_library = await asyncio.to_thread(made, plan.name)
    await engine.remove(plan.name)
    argv = hardening.command_line(plan, str(resources.seccomp_file()))
    await asyncio.to_thread(subprocess.run, argv, check=True, capture_output=True, timeout=60)
    by_command = await asyncio.to_thread(made, plan.name)
    differing = {key for key in by_command | by_library if by_command.get(key) != by_library.get(key)}
    assert {key: (by_command.get(key), by_library.get(key)) for key in differing} == {}


OPTIONS = ["--cpus", "1.5", "--memory", "512m", "--pids", "200", "--reasoning", "high"]


@pytest.mark.agent
@pytest.mark.parametrize(
    ("more", "reason"), [([], "only just been drawn"), (["--approval", "on-request"], "a dialog may open")]
)
def test_a_launch_does_what_its_dry_run_showed(team: Team, more: list[str], reason: str) -> None:
    """The same container to the last wall and label, but for its name, its id and the time."""
    (team.root / "token").write_text("xyzzy")
    argv = ["launch", "reviewer", "hello", "--secret", f"token={team.root}/token", *OPTIONS, *more]
    planned = json.dumps(team.ok(*argv, "--dry-run")["plan"])
    assert team.client.containers.list(all=True, filters={"name": planned_id(planned)}) == []
    view = team.ok(*argv)
    steps = json.loads(planned.replace(planned_id(planned), view["session_id"]))
    lines = [step["what"] for step in steps]
    create = shlex.split(next(line for line in lines if line.startswith("docker create")))
    name = create.index("--name") + 1
    create[name] += "-shown"
    subprocess.run(create, check=True, capture_output=True, timeout=60)
    assert timeless(made(create[name])) == timeless(made(view["container_name"]))
    thread = next(line for line in lines if line.startswith("thread/start "))
    order = parse(json.loads((team.folder(view) / "private/session.json").read_text()))
    assert json.loads(thread.removeprefix("thread/start ")) == start_params(order)
    screen = shlex.split(next(line for line in lines if " new-session " in line))
    shown = team.tmux(view, "#{session_name} #{window_name} #{pane_start_command}")
    assert shown.replace('"', "") == " ".join(
        [screen[screen.index("-s") + 1], places.WINDOW, screen[-1].replace("THREAD", view["thread_id"])]
    )
    assert any(line.startswith("copy the secret token from") for line in lines)
    assert team.inside(view, "cat", f"{places.SECRETS}/token", user="agent") == "xyzzy"
    assert any("first message by route auto, not typed" in line and reason in line for line in lines)
    sent = Client(home=team.root).receipt(view["message_id"], wait="committed", seconds=60)
    assert sent["route"] == "app-server"


def planned_id(planned: str) -> str:
    return planned.partition("orchestrator.session=")[2][:10]


def timeless(container: dict[str, Any]) -> dict[str, Any]:
    record = json.loads(container["Labels"]["orchestrator.record"])
    del record["created_at"]
    return {**container, "Labels": {**container["Labels"], "orchestrator.record": record}}


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_an_image_that_is_nowhere_is_not_found(team: Team, dry: list[str]) -> None:
    """Exit 4 with what to do, whoever asks for it, and nothing is left of it."""
    launch = team.run("launch", "reviewer", "--image", "localhost:9/nobody:1", *dry)
    assert launch.code == 4
    assert launch.err.splitlines() == [
        "error: localhost:9/nobody:1 is not here and cannot be pulled",
        "hint: `orchestrator image ls` lists the images here; without a name it is this version's own",
    ]
    remove = team.run("image", "rm", "nobody:1", *dry)
    assert (remove.code, remove.err.splitlines()[0]) == (
        4,
        "error: nobody:1 is no image of orchestrator's",
    )
    assert team.ok("ps", "--all") == []


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_more_processors_than_the_engine_has_are_refused_in_our_words(team: Team, dry: list[str]) -> None:
    """Before anything is made, and with the number that would do."""
    there = team.client.info()["NCPU"]
    done = team.run("launch", "reviewer", "--cpus", "999", *dry)
    assert (done.code, done.err.splitlines()) == (
        2,
        [
            f"error: 999 processors are more than the engine has: {there}",
            f"hint: `--cpus {there}` at most, or the setting agent.cpus",
        ],
    )


def test_an_image_that_is_missing_is_the_first_thing_of_the_engines_in_the_plan(team: Team) -> None:
    """With what it would be built on; it is not built for the plan's sake."""
    base = "orchestrator-test-no-base:1"
    team.environment["ORCHESTRATOR_ENGINE__BASE_IMAGE"] = base
    steps = team.ok("launch", "reviewer", "--dry-run")["plan"]
    engine = [step["what"] for step in steps if step["who"] == "engine"]
    assert engine[0].startswith("docker build ") or base in engine[0]
    build = next(shlex.split(line) for line in engine if line.startswith("docker build "))
    assert build[-1] == "-"
    assert team.client.images.list(name=build[build.index("--tag") + 1]) == []
