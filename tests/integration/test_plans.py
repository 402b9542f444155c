"""Plans of a session that works, and what a launch is checked for, on a daemon without its socket."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.errors import (
    EngineUnreachable,
    OrchestratorError,
    RateLimited,
    RoleBusy,
    RouteRefused,
    SessionBusy,
)
from orchestrator.core.policies import Policies
from orchestrator.core.ports import EngineFacts
from orchestrator.core.receipt import Mode, Route
from orchestrator.core.session import Session
from orchestrator.daemon.plans import interruption, plan_send, supervised
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.input import send
from orchestrator.sessions.launch import Order, launch, plan_launch, prepare
from orchestrator.sessions.launch_plan import check_role_free
from orchestrator.testing.engine import MemoryEngine
from orchestrator.testing.waiting import until
from tests.integration.dry_stage import Stage, stage

__all__ = ["stage"]

ANOTHER_UID = 54_321


@pytest.fixture(params=["bare", "not bare"])
def origin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of this user's."""
    made = tmp_path_factory.mktemp("origin")
    bare = ["--bare"] * (request.param == "bare")
    subprocess.run(["git", "init", "-q", *bare, str(made)], check=True, timeout=60)
    return made


class Away(MemoryEngine):
    """An engine that was stopped."""

    async def facts(self) -> EngineFacts:
        raise EngineUnreachable("it is away")


async def at_work(stage: Stage) -> Session:
    """A session whose turn goes on."""
    session = await stage.launch()
    stage.codex(session)
    await stage.send(session, "begin")
    hold = await stage.fleet.hold(session)
    await until(lambda: bool(hold.journal.state.turn_id) and not hold.journal.outbox)
    return hold.session


async def lines(stage: Stage, session: Session, *, mode: Mode = Mode.QUEUE, wish: Route = Route.AUTO) -> Any:
    plan = await plan_send(stage.fleet, session, "and this", mode=mode, wish=wish, sender="ana", system=False)
    return [step.what for step in plan]


async def refusal(
    work: Callable[..., Any], stage: Stage, session: Session, **wishes: Any
) -> OrchestratorError:
    with pytest.raises(OrchestratorError) as refused:
        await work(stage.fleet, session, "x", sender="ana", system=False, **wishes)
    return refused.value


async def test_a_message_for_a_working_session_is_planned_behind_its_turn(stage: Stage) -> None:
    """Nothing is typed over it, and nobody claims that."""
    session = await at_work(stage)
    turn = (await stage.fleet.hold(session)).journal.state.turn_id
    await stage.send(session, "first in the queue")
    queued, then = await lines(stage, session)
    assert queued == f"queue the message behind turn {turn} and 1 message"
    assert then == "then, by route auto: the text, 8 characters: and this"


async def test_a_steering_message_is_planned_into_the_turn(stage: Stage) -> None:
    """By the call and with the turn that it would go into."""
    session = await at_work(stage)
    turn = (await stage.fleet.hold(session)).journal.state.turn_id
    queued, route, call, text = await lines(stage, session, mode=Mode.STEER)
    assert queued == "queue the message before all others"
    assert route == "route app-server: into the running turn"
    assert text == "the text, 8 characters: and this"
    method, _, params = call.partition(" ")
    assert (method, json.loads(params)["expectedTurnId"]) == ("turn/steer", turn)


async def test_an_interrupting_message_is_planned_with_all_that_ends_the_turn(stage: Stage) -> None:
    """What the turn left running is cleared away too, as it is in truth."""
    session = await at_work(stage)
    turn = (await stage.fleet.hold(session)).journal.state.turn_id
    calls = [step.what for step in interruption(session, turn)]
    assert [call.partition(" ")[0] for call in calls] == [
        "turn/interrupt",
        "thread/backgroundTerminals/clean",
    ]
    assert (await lines(stage, session, mode=Mode.INTERRUPT))[1:3] == calls
    codex = stage.codex(session)
    await (await stage.fleet.hold(session)).deliverer.interrupt()
    assert codex.cleaned == 1


@pytest.mark.parametrize(
    ("wishes", "kind"),
    [
        ({"mode": Mode.IF_IDLE, "wish": Route.AUTO}, SessionBusy),
        ({"mode": Mode.QUEUE, "wish": Route.AUTO}, RateLimited),
    ],
)
async def test_what_a_working_session_refuses_is_refused_in_the_plan_too(
    stage: Stage, wishes: dict[str, Any], kind: type[OrchestratorError]
) -> None:
    """The same error, word for word; here with a queue that has room for one."""
    session = await at_work(stage)
    rules = stage.world.rules
    object.__setattr__(rules, "queue_limit", 1)
    await stage.send(session, "fills the queue")
    real = await refusal(send, stage, session, tags=(), **wishes)
    dry = await refusal(plan_send, stage, session, **wishes)
    assert type(real) is type(dry) is kind
    assert (dry.message, dry.hint) == (real.message, real.hint)


async def test_a_steer_that_could_only_be_typed_is_refused(stage: Stage) -> None:
    """A running turn is steered through the app-server alone."""
    session = await at_work(stage)
    refused = await refusal(plan_send, stage, session, mode=Mode.STEER, wish=Route.TMUX)
    assert type(refused) is RouteRefused


async def test_the_owner_of_a_workspace_matters_only_where_the_agent_works_in_it(
    stage: Stage, origin: Path
) -> None:
    """A clone belongs to the agent, whoever owns what it was made of."""
    fleet = Fleet(replace(stage.world, rules=replace(stage.world.rules, agent_uid=ANOTHER_UID)))
    origin.chmod(0o755)  # noqa: ASYNC240 - before anything runs
    inside = Order(role="writer", policies=Policies(), workspace=str(origin))
    (warning,) = (await prepare(fleet, inside)).warnings
    assert f"the agent works as uid {ANOTHER_UID} and may not write there" in warning
    assert (await prepare(fleet, replace(inside, branch="agents/writer"))).warnings == ()


@pytest.mark.parametrize("dry", [True, False])
async def test_a_launch_and_its_plan_need_an_engine_that_answers(stage: Stage, *, dry: bool) -> None:
    """Nothing is claimed for one that is away, and nobody plans on it."""
    order = Order(role="writer", policies=Policies())
    fleet = Fleet(replace(stage.world, engine=Away()))
    work = plan_launch(fleet, order, supervised) if dry else launch(fleet, order, print)
    with pytest.raises(EngineUnreachable, match="it is away"):
        await work
    assert stage.world.registry.sessions() == []


async def test_what_a_launch_that_was_cut_off_left_holds_no_role(stage: Stage) -> None:
    """A launch under way does, and a session that runs."""
    session = await stage.launch("writer")
    left = replace(session, container_id="")
    check_role_free("writer", [left], launching=())
    for held, launching in (((left,), {left.session_id}), ((session,), ())):
        with pytest.raises(RoleBusy, match=session.session_id):
            check_role_free("writer", held, launching)
