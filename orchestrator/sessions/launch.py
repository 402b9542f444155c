"""From a role to a running session: claim the role, make the folder, start the container, wait for codex."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.core.envelope import timestamp
from orchestrator.core.errors import ContainerGone, LaunchFailed, SessionNotFound
from orchestrator.core.events import Event
from orchestrator.core.identity import check_role, container_name, resolve, session_id
from orchestrator.core.places import CODEX_LOGIN, MODEL_KEY
from orchestrator.core.policies import Policies
from orchestrator.core.ports import Outlook, Progress
from orchestrator.core.session import Session
from orchestrator.sessions.bring_up import create_and_start, forget, ready_and_attached
from orchestrator.sessions.first_message import queue_first
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.launch_plan import (
    check_apart,
    check_branch,
    check_files,
    check_limits,
    check_origin,
    check_role_free,
    check_room,
    launch_steps,
    login,
)
from orchestrator.sessions.step import Step
from orchestrator.sessions.supervised import Supervised
from orchestrator.sessions.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for; an empty field means the default. `parent` names a session as any selector does."""

    role: str
    policies: Policies
    workspace: str = ""
    branch: str = ""
    image: str = ""
    parent: str = ""
    base_url: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    another: bool = False
    #: The first message, and who sends it.
    prompt: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """The session and what its operator should know."""

    session: Session
    warnings: tuple[str, ...]
    #: The prompt's; empty without one.
    message_id: str


def draft_session(world: World, order: Order) -> Session:
    """The record that the order makes; nothing is written yet.

    Raises:
        SessionNotFound, SelectorAmbiguous: the parent is no session, or could be several.
    """
    parent = resolve(order.parent, world.registry.sessions()).session_id if order.parent else ""
    project = world.registry.project_id()
    new_id = session_id(world.dice(16))
    folder = world.home.folder(check_role(order.role), new_id)
    own_clone = bool(order.branch) or not order.workspace
    return Session(
        session_id=new_id,
        role=order.role,
        project_id=project,
        created_at=timestamp(world.clock.now()),
        container_name=container_name(project, new_id),
        image=order.image or world.rules.image,
        agent_uid=world.rules.agent_uid,
        workspace=str(folder.workspace) if own_clone else order.workspace,
        branch=order.branch,
        parent=parent,
        policies=order.policies,
        secrets=tuple(sorted(order.secrets)),
        base_url=order.base_url or world.rules.base_url,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An order that passed every check which can be made before anything is done."""

    order: Order
    session: Session
    warnings: tuple[str, ...]
    outlook: Outlook


async def prepare(fleet: Fleet, order: Order) -> Prepared:
    """What a launch is checked for, and a dry run no less; nothing is claimed, made or written.

    Raises:
        InvalidInput: the login, a limit, a secret's file, the branch or the workspace cannot be used.
        SessionNotFound, SelectorAmbiguous: of the parent; see `draft_session`.
        EngineUnreachable, EngineUnfit: the engine is away; no session can live on it.
        ImageUnavailable: the named image is here, and cannot hold an agent of ours.
    """
    world = fleet.world
    order = with_login(world, order)
    check_limits(order.policies.limits)
    check_branch(order.branch)
    await asyncio.to_thread(check_files, order.secrets)
    session = draft_session(world, order)
    warnings = _warnings(session)
    if order.workspace:
        await asyncio.to_thread(world.workspaces.check, order.workspace)
        if order.branch:
            await asyncio.to_thread(check_origin, order.workspace)
            await asyncio.to_thread(world.workspaces.check_for_clone, order.workspace)
        check_apart(world.home, order.workspace, own_clone=bool(order.branch))
    facts = await world.engine.facts()  # an engine that is away says so before anything is claimed
    warnings += await world.engine.fit(str(world.home.root))
    if order.workspace and not order.branch:  # a clone is the agent's own, whoever owns its origin
        look = world.workspaces.check_for_agent
        given = (order.workspace, session.agent_uid)
        warnings += await asyncio.to_thread(look, *given, maps_users=facts.maps_users)
    outlook = await world.images.foresee(session.image, session.agent_uid)
    check_room(session.policies.limits, outlook)
    return Prepared(order=order, session=session, warnings=tuple(warnings), outlook=outlook)


async def plan_launch(fleet: Fleet, order: Order, inside: Callable[[Session], list[Step]]) -> list[Step]:
    """The steps of a launch in their order; it refuses what `launch` does. The id in them is an example.

    `inside` tells what the container's own supervisor does once it is started.

    Raises:
        As `prepare`; RoleBusy; ImageNotFound, ImageUnavailable: the image is missing and cannot be had.
    """
    prepared = await prepare(fleet, order)
    if not order.another:
        await _steady_role(fleet, order.role)
        check_role_free(order.role, fleet.world.registry.sessions(), fleet.launching)
    session, outlook = prepared.session, prepared.outlook
    images = fleet.world.images
    missing = [] if outlook.here else await images.source(session.image, session.agent_uid)
    session = replace(session, image=outlook.image)
    steps = launch_steps(
        fleet.world,
        session,
        origin=order.workspace,
        secrets=prepared.order.secrets,
        missing=missing,
        prompted=bool(order.prompt),
    )
    return [*steps, *inside(session)]


async def launch(fleet: Fleet, order: Order, progress: Progress) -> Launched:
    """Launch a session; it is ready for messages when this returns.

    Whatever fails or is cut off leaves no container and no record.

    Raises:
        InvalidInput, RoleBusy and more: see `prepare`; the role may also be taken meanwhile.
        LaunchFailed, TimedOut: codex did not come up, or it was stopped before it was.
        EngineUnreachable: nothing is left, but where it went away meanwhile: the next launch clears up then.
    """
    prepared = await prepare(fleet, order)
    order, session = prepared.order, prepared.session
    await _former_ones(fleet, order.role)
    async with fleet.changing(session.session_id):
        fleet.world.registry.claim(session, another=order.another)
        bringing = asyncio.create_task(_bring_up(fleet, session, order, progress))
        fleet.launching[session.session_id] = bringing
        try:
            session, message_id = await _unless_cut_off(bringing)
        except BaseException:
            await asyncio.shield(_undo(fleet, session))
            raise
        finally:
            del fleet.launching[session.session_id]
    return Launched(session=session, warnings=prepared.warnings, message_id=message_id)


async def _former_ones(fleet: Fleet, role: str) -> None:
    """What is left of this role is seen to first: a launch that was cut off holds no role."""
    for session in await _steady_role(fleet, role):
        if session.live and not session.container_id:
            await _forget_cut_off(fleet, session.session_id)


async def _steady_role(fleet: Fleet, role: str) -> list[Session]:
    """The role's sessions but those being launched, as they were; nobody changes one any more."""
    await fleet.begun.wait()
    sessions = fleet.world.registry.sessions()
    found = [s for s in sessions if s.role == role and s.session_id not in fleet.launching]
    for session in found:
        await fleet.steady(session.session_id)
    return found


async def _forget_cut_off(fleet: Fleet, session_id: str) -> None:
    """A launch whose end could not be cleared up, because the engine was away by then."""
    async with fleet.changing(session_id):
        with suppress(SessionNotFound):
            session = fleet.world.registry.get(session_id)
            if session.live and not session.container_id:
                await forget(fleet.world, session)


async def _unless_cut_off(bringing: asyncio.Task[tuple[Session, str]]) -> tuple[Session, str]:
    try:
        return await bringing
    except asyncio.CancelledError:
        caller = asyncio.current_task()
        if caller is not None and caller.cancelling():
            raise
        raise LaunchFailed("it was stopped while it was being launched") from None
    except ContainerGone as exc:
        why = f"its container was removed while it was being launched: {exc.message}"
        raise LaunchFailed(why, hint="launch it again") from exc


async def cut_off(fleet: Fleet, session_id: str) -> bool:
    """End a launch under way, with all that it made; False where there is none, or it was just through."""
    bringing = fleet.launching.get(session_id)
    if bringing is None:
        return False
    bringing.cancel()
    async with fleet.changing(session_id):
        return all(s.session_id != session_id for s in fleet.world.registry.sessions())


async def _bring_up(fleet: Fleet, session: Session, order: Order, progress: Progress) -> tuple[Session, str]:
    """The session as it runs, and its first message's id."""
    world = fleet.world
    image = await world.images.ensure(session.image, session.agent_uid, progress)
    session = replace(session, image=image)
    progress("preparing the session's folder")
    config = world.config(session)
    await _whole(asyncio.to_thread(world.folders.prepare, session, config=config, secrets=order.secrets))
    folder = world.home.folder(session.role, session.session_id)
    if session.workspace == str(folder.workspace):
        place = (order.workspace, session.workspace, order.branch, session.agent_uid)
        await _whole(asyncio.to_thread(world.workspaces.clone, *place))
    message_id = await queue_first(world, session, order.prompt, order.sender) if order.prompt else ""
    progress("starting the container")
    session = await create_and_start(fleet, session)
    progress("waiting for codex")
    attachment = await ready_and_attached(
        fleet,
        session,
        before=Supervised(),
        event=Event.SESSION_LAUNCHED,
        detail={"image": image, "model": session.policies.model, "workspace": session.workspace},
    )
    return attachment.session, message_id


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """A thread's work goes on when its caller is cancelled; what it makes is removed after that."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _undo(fleet: Fleet, session: Session) -> None:
    await fleet.detach(session.session_id, {"why": "the launch failed"})
    await forget(fleet.world, session)


def with_login(world: World, order: Order) -> Order:
    """The order with what the model wants: this user's codex login for OpenAI's, the key of another endpoint.

    What was given with the order goes before. The key is for the endpoint of the settings, and for no other.
    """
    rules = world.rules
    if order.base_url in {"", rules.base_url} and rules.base_url:
        wanted = {MODEL_KEY: rules.model_key} if rules.model_key else {}
    elif order.base_url or CODEX_LOGIN in order.secrets:
        wanted = {}
    else:
        wanted = {CODEX_LOGIN: login(rules.login)}
    return replace(order, secrets={**wanted, **order.secrets})


def _warnings(session: Session) -> list[str]:
    if session.policies.approvals_are_advisory:
        wall = "with danger-full-access the container is the only wall"
        return [f"approvals are advisory: {wall}, and the agent can reach its own app-server"]
    return []
