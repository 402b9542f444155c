"""From a role to a running session: claim the role, make the folder, start the container, wait for codex."""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from orchestrator.core.envelope import timestamp
from orchestrator.core.errors import InvalidInput, LaunchFailed, SessionNotFound
from orchestrator.core.events import Event
from orchestrator.core.identity import check_role, container_name, resolve, session_id
from orchestrator.core.places import CODEX_LOGIN
from orchestrator.core.policies import Policies
from orchestrator.core.ports import Progress
from orchestrator.core.session import Session
from orchestrator.sessions.bring_up import create_and_start, forget, ready_and_attached
from orchestrator.sessions.fleet import Fleet
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """The session and what its operator should know."""

    session: Session
    warnings: tuple[str, ...]


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


def plan_launch(world: World, order: Order) -> list[Step]:
    """The steps of a launch; the id in them is an example, a real one is made at launch."""
    session = draft_session(world, order)
    folder = world.home.folder(session.role, session.session_id)
    steps = [
        Step("files", f"write {world.home.registry}/{session.session_id}.json"),
        Step("files", f"make {folder.root}"),
    ]
    if session.workspace == str(folder.workspace):
        origin = order.workspace or "an empty repository"
        steps.append(
            Step("files", f"clone {origin} to {folder.workspace} on branch {order.branch or 'main'}")
        )
    steps += [Step("engine", line) for line in world.describe.create(world.plan(session))]
    return steps


async def launch(fleet: Fleet, order: Order, progress: Progress) -> Launched:
    """Launch a session; it is ready for messages when this returns.

    Whatever fails or is cut off leaves no container and no record.

    Raises:
        RoleBusy: the role has a live session, and `another` was not asked for.
        SessionNotFound, SelectorAmbiguous: of the parent; see `draft_session`.
        LaunchFailed, TimedOut: codex did not come up, or it was stopped before it was.
        EngineUnreachable: nothing is left, but where it went away meanwhile: the next launch clears up then.
    """
    world = fleet.world
    order = with_login(world, order)
    session = draft_session(world, order)
    warnings = _warnings(session)
    if order.workspace:
        warnings += await asyncio.to_thread(world.workspaces.check, order.workspace, session.agent_uid)
        check_apart(world, order)
    await _former_ones(fleet, order.role)
    await world.engine.facts()  # an engine that is away says so before anything is claimed
    async with fleet.changing(session.session_id):
        world.registry.claim(session, another=order.another)
        bringing = asyncio.create_task(_bring_up(fleet, session, order, progress))
        fleet.launching[session.session_id] = bringing
        try:
            session = await _unless_cut_off(bringing)
        except BaseException:
            await asyncio.shield(_undo(fleet, session))
            raise
        finally:
            del fleet.launching[session.session_id]
    return Launched(session=session, warnings=tuple(warnings))


def check_apart(world: World, order: Order) -> None:
    """`InvalidInput` where a workspace, mounted as it is, would show the agent other sessions' folders."""
    mounted = PurePosixPath(order.workspace)
    kept = (world.home.registry, world.home.outputs)
    if order.branch or not any(k.is_relative_to(mounted) or mounted.is_relative_to(k) for k in kept):
        return
    raise InvalidInput(
        f"the workspace {order.workspace} holds the sessions' own folders, or lies in them",
        hint="`--branch NAME` gives the agent a clone of its own",
    )


async def _former_ones(fleet: Fleet, role: str) -> None:
    """What is left of this role is seen to first: a launch that was cut off holds no role."""
    await fleet.begun.wait()
    for session in fleet.world.registry.sessions():
        if session.role == role and session.session_id not in fleet.launching:
            await fleet.steady(session.session_id)
            if session.live and not session.container_id:
                await _forget_cut_off(fleet, session.session_id)


async def _forget_cut_off(fleet: Fleet, session_id: str) -> None:
    """A launch whose end could not be cleared up, because the engine was away by then."""
    async with fleet.changing(session_id):
        with suppress(SessionNotFound):
            session = fleet.world.registry.get(session_id)
            if session.live and not session.container_id:
                await forget(fleet.world, session)


async def _unless_cut_off(bringing: asyncio.Task[Session]) -> Session:
    try:
        return await bringing
    except asyncio.CancelledError:
        caller = asyncio.current_task()
        if caller is not None and caller.cancelling():
            raise
        raise LaunchFailed("it was stopped while it was being launched") from None


async def cut_off(fleet: Fleet, session_id: str) -> bool:
    """End a launch under way, with all that it made; False where there is none, or it was just through."""
    bringing = fleet.launching.get(session_id)
    if bringing is None:
        return False
    bringing.cancel()
    async with fleet.changing(session_id):
        return all(s.session_id != session_id for s in fleet.world.registry.sessions())


async def _bring_up(fleet: Fleet, session: Session, order: Order, progress: Progress) -> Session:
    world = fleet.world
    image = await world.images.ensure(session.image, session.agent_uid, progress)
    session = replace(session, image=image)
    progress("preparing the session's folder")
    config = world.config(session.policies, session.base_url)
    await _whole(asyncio.to_thread(world.folders.prepare, session, config=config, secrets=order.secrets))
    folder = world.home.folder(session.role, session.session_id)
    if session.workspace == str(folder.workspace):
        place = (order.workspace, session.workspace, order.branch, session.agent_uid)
        await _whole(asyncio.to_thread(world.workspaces.clone, *place))
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
    return attachment.session


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
    """The order with this user's codex login, where the model is OpenAI's and no other login was given.

    Raises:
        InvalidInput: there is no login, so codex could ask the model nothing.
    """
    if order.base_url or world.rules.base_url or CODEX_LOGIN in order.secrets:
        return order
    if not world.rules.login:
        raise InvalidInput(
            "there is no login for the model",
            hint="`codex login`, or `--secret codex-auth=FILE`, or set model.base_url to another endpoint",
        )
    return replace(order, secrets={**order.secrets, CODEX_LOGIN: world.rules.login})


def _warnings(session: Session) -> list[str]:
    if session.policies.approvals_are_advisory:
        wall = "with danger-full-access the container is the only wall"
        return [f"approvals are advisory: {wall}, and the agent can reach its own app-server"]
    return []


def check_secrets(secrets: Mapping[str, str]) -> None:
    """`InvalidInput` where a name cannot be a file under `/run/secrets`."""
    for name in secrets:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise InvalidInput(f"{name!r} cannot name a secret", hint="use letters, digits, `-` and `_`")
