"""What the verbs that ask the engine themselves show of it: the build's and the model's own calls."""

import asyncio
import os
import shlex
import subprocess
from contextlib import closing
from pathlib import Path

import docker
import pytest

from orchestrator.containers import base, recipes
from orchestrator.containers.connection import Connection
from orchestrator.containers.images import DockerImages
from tests.acceptance.conftest import home, model, team
from tests.acceptance.team import Team
from tests.conftest import BASE_IMAGE
from tests.docker.test_dry_run_is_true import made

__all__ = ["home", "model", "team"]

pytestmark = pytest.mark.docker


async def built() -> str:
    """The image of the model, as the library builds it, and then what it stands on."""
    connection = Connection(None)
    try:
        await DockerImages(connection, base_image=BASE_IMAGE).ensure_model(print)
        return (await base.foresee(connection, BASE_IMAGE)).image
    finally:
        await connection.close()


def test_the_shown_build_makes_the_same_image(tmp_path: Path) -> None:
    """Given the same context, to the image's id: every layer is found again."""
    foundation = asyncio.run(built())
    recipe = recipes.model(BASE_IMAGE)
    with closing(docker.from_env()) as client:
        by_library = client.images.get(recipe.name)
        context = tmp_path / "context.tar"
        with context.open("wb") as out:
            recipe.pack(out)
        argv = shlex.split(recipe.command_line(foundation, fresh=False))
        argv[argv.index("--tag") + 1] = "orchestrator-model:shown"
        classic = {**os.environ, "DOCKER_BUILDKIT": "0"}
        with context.open("rb") as read:
            subprocess.run(argv, stdin=read, env=classic, check=True, capture_output=True, timeout=120)
        try:
            assert client.images.get("orchestrator-model:shown").id == by_library.id
        finally:
            client.images.remove("orchestrator-model:shown")


def test_the_shown_model_is_the_one_that_comes_up(team: Team) -> None:
    """The same container to the last wall and alias, and the plan of its end names it."""
    scenario = team.root / "scenario.json"
    scenario.write_text('{"default": [[{"say": "hello"}]]}')
    up = ["model", "up", "--scenario", str(scenario)]
    assert team.ok("model", "down") == {"removed": False}
    assert lines(team, "model", "down") == []
    create = shlex.split(next(line for line in lines(team, *up) if line.startswith("docker create")))
    name = create[create.index("--name") + 1]
    try:
        team.ok(*up)
        by_library = made(name)
        assert create[create.index("--restart") + 1] == "unless-stopped", "it is there again after a reboot"
        removal = lines(team, "model", "down")
        assert removal[0] in lines(team, *up)
        subprocess.run(shlex.split(removal[0]), check=True, capture_output=True, timeout=60)
        subprocess.run(create, check=True, capture_output=True, timeout=60)
        assert made(name) == by_library
    finally:
        team.ok("model", "down")


def lines(team: Team, *argv: str) -> list[str]:
    """The plan of a dry run; all of it is the engine's."""
    plan = team.ok(*argv, "--dry-run")["plan"]
    assert {step["who"] for step in plan} <= {"engine"}
    return [step["what"] for step in plan]


def test_a_plan_for_the_model_makes_no_data_directory(team: Team) -> None:
    """Where there is no project yet, a word stands for its id."""
    nowhere = team.root / "nowhere"
    done = team.run("--home", str(nowhere), "model", "up", "--dry-run")
    assert "orchestrator-PROJECT-model" in done.out
    assert not nowhere.exists()
