"""Engines that no session can live on, and those that are to be known about: said before anything is made."""

from typing import Any

import pytest

from orchestrator.core.errors import EngineUnfit
from orchestrator.core.policies import Policies
from orchestrator.sessions.examine import Check, examine
from orchestrator.sessions.launch import Order, launch
from orchestrator.sessions.resume import resume_all
from tests.integration.dry_stage import Stage, stage

__all__ = ["stage"]

DOUBT = "the engine maps users"


def real(stage: Stage) -> Any:
    """The twin behind the hands that can hold it back."""
    return stage.engine._real


async def engine_check(stage: Stage) -> Check:
    (found,) = [check for check in await examine(stage.fleet) if check.name == "engine"]
    return found


async def test_a_launch_on_an_unfit_engine_leaves_nothing(stage: Stage) -> None:
    """It is refused while there is no record, no folder and no image."""
    real(stage).unfit, told = True, list[str]()
    with pytest.raises(EngineUnfit, match="does not see the files"):
        await launch(stage.fleet, Order(role="reviewer", policies=Policies()), told.append)
    assert told == []
    assert stage.world.registry.sessions() == []
    assert await stage.fleet.containers() == {}


async def test_a_session_is_not_made_again_on_another_engine_that_is_unfit(stage: Stage) -> None:
    """It stays as it is, and resuming says why; on a fit engine it comes back."""
    session = await stage.launch()
    await stage.engine.remove(session.container_name)
    real(stage).unfit = True
    (refused,) = await resume_all(stage.fleet, print)
    assert (refused.ok, refused.next) == (False, "use another one")
    assert "does not see the files" in refused.detail
    real(stage).unfit = False
    (back,) = await resume_all(stage.fleet, print)
    assert back.ok


async def test_the_doctor_tells_of_an_engine_what_a_launch_would(stage: Stage) -> None:
    """Unfit, or with something to be known about."""
    assert (await engine_check(stage)).status == "ok"
    real(stage).doubts = (DOUBT,)
    doubted = await engine_check(stage)
    assert (doubted.status, DOUBT in doubted.detail) == ("warn", True)
    launched = await launch(stage.fleet, Order(role="reviewer", policies=Policies()), print)
    assert DOUBT in launched.warnings
    real(stage).unfit = True
    unfit = await engine_check(stage)
    assert (unfit.status, unfit.fix) == ("fail", "use another one")
