"""What the doctor finds of the image and the model, before the first launch meets it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.core.errors import EngineUnreachable, ImageUnavailable, OrchestratorError
from orchestrator.core.ports import Outlook
from orchestrator.sessions.examine import Check, examine
from orchestrator.sessions.fleet import Fleet
from orchestrator.testing.engine import MemoryImages
from tests.integration.dry_stage import Stage, stage

__all__ = ["stage"]


class NotYet(MemoryImages):
    """The image is not here; `trouble` is why it could not be had, if it could not."""

    def __init__(self, trouble: OrchestratorError | None = None) -> None:
        super().__init__()
        self.trouble = trouble

    async def foresee(self, image: str, agent_uid: int) -> Outlook:
        if isinstance(self.trouble, EngineUnreachable):
            raise self.trouble
        return replace(await super().foresee(image, agent_uid), here=False)

    async def source(self, image: str, agent_uid: int) -> list[str]:
        if self.trouble is not None:
            raise self.trouble
        return ["docker build -"]


async def finding(
    stage: Stage,
    name: str,
    *,
    images: MemoryImages | None = None,
    base_url: str = "http://127.0.0.1:1",
    login: str = "",
    key: str = "",
) -> Check:
    rules = replace(stage.world.rules, base_url=base_url, login=login, model_key=key)
    world = replace(stage.world, rules=rules, images=images or stage.world.images)
    (found,) = [check for check in await examine(Fleet(world)) if check.name == name]
    return found


async def test_an_image_is_here_or_comes_with_the_first_launch(stage: Stage) -> None:
    """Both are well; how it will be had is said."""
    here = await finding(stage, "image")
    assert (here.status, here.detail) == ("ok", "orchestrator-agent:memory-1000 is here")
    coming = await finding(stage, "image", images=NotYet())
    assert coming.status == "ok"
    assert coming.detail.endswith("is not here yet; the first launch builds or pulls it")


@pytest.mark.parametrize(
    ("trouble", "status"),
    [(ImageUnavailable("no base", hint="get one"), "fail"), (EngineUnreachable("away"), "warn")],
)
async def test_an_image_that_cannot_be_had_is_a_finding(
    stage: Stage, trouble: OrchestratorError, status: str
) -> None:
    """With its own hint; of an engine that is away another finding tells."""
    found = await finding(stage, "image", images=NotYet(trouble))
    assert (found.status, found.fix) == (status, trouble.hint)
    assert trouble.message in found.detail


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "host.docker.internal"])
async def test_an_endpoint_that_listens_is_well_and_one_that_does_not_is_told(
    stage: Stage, host: str
) -> None:
    """By whichever name: that of the containers means this machine. What is refused says so."""
    async with listening() as port:
        url = f"http://{host}:{port}/v1"
        found = await finding(stage, "model", base_url=url)
        assert (found.status, found.detail) == ("ok", f"{url} takes connections")
    gone = await finding(stage, "model", base_url=url)
    assert (gone.status, gone.detail) == ("warn", f"{url} takes no connection from here: Connection refused")
    assert "correct model.base_url" in gone.fix


async def test_without_an_endpoint_there_has_to_be_a_login(stage: Stage, tmp_path: Path) -> None:
    """The file is looked for when the doctor is asked, as it is at a launch."""
    file = tmp_path / "auth.json"
    missing = await finding(stage, "model", base_url="", login=str(file))
    assert (missing.status, missing.detail) == ("warn", "there is no login for the model")
    assert "`codex login`" in missing.fix
    file.touch()
    there = await finding(stage, "model", base_url="", login=str(file))
    assert (there.status, there.detail) == ("ok", f"OpenAI's, with the login {file}")


async def test_a_key_that_cannot_be_read_is_a_finding(stage: Stage, tmp_path: Path) -> None:
    """Every launch would fail for it."""
    found = await finding(stage, "model", key=str(tmp_path / "key"))
    assert (found.status, found.fix) == ("fail", "correct model.key_file")
    (tmp_path / "key").touch()
    assert (await finding(stage, "model", key=str(tmp_path / "key"))).status == "warn"


async def test_of_a_dry_run_nobody_wants_a_model(stage: Stage) -> None:
    """Where none is asked, none is looked for."""
    checks = {check.name: check for check in await examine(stage.fleet, asks_model=False)}
    assert (checks["model"].status, checks["model"].detail) == ("ok", "none is asked: runtime = dry")
