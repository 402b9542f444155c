"""The routes of one session: launch, see, write to, follow, stop, remove. Each is a call of a use case."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from orchestrator.api.models import DryRun, InputRequest, LaunchRequest, receipt_view, session_view
from orchestrator.api.orders import inside, order_of
from orchestrator.api.reading import envelopes, open_pane_log, pane_log
from orchestrator.api.streams import NDJSON, answer
from orchestrator.core.errors import NoScreen
from orchestrator.core.ports import Progress
from orchestrator.core.routing import check_message
from orchestrator.core.session import Session
from orchestrator.daemon import plans
from orchestrator.daemon.daemon import Daemon
from orchestrator.sessions.attach_command import attach_command
from orchestrator.sessions.input import send
from orchestrator.sessions.launch import launch, plan_launch
from orchestrator.sessions.observe import snapshot, view, views
from orchestrator.sessions.step import as_plan
from orchestrator.sessions.stop import plan_remove, plan_stop, remove, stop

routes = APIRouter(prefix="/v1/sessions")
LONGEST_PAGE = 5_000
#: Beside the list of sessions: how many records are not in it because they cannot be read.
UNREADABLE_HEADER = "X-Orchestrator-Unreadable"


def the_daemon(request: Request) -> Daemon:
    daemon: Daemon = request.app.state.daemon
    return daemon


def the_session(selector: str, request: Request) -> Session:
    return the_daemon(request).fleet.find(selector)


TheDaemon = Annotated[Daemon, Depends(the_daemon)]
TheSession = Annotated[Session, Depends(the_session)]
Lines = Annotated[int, Query(ge=0, le=LONGEST_PAGE)]


@routes.post("", response_model=None)
async def post_session(body: LaunchRequest, daemon: TheDaemon, accept: Annotated[str, Header()] = "") -> Any:
    order = await order_of(daemon, body, body.role)
    order = replace(order, prompt=check_message(body.prompt) if body.prompt else "", another=body.another)
    if body.dry_run:
        return as_plan(await plan_launch(daemon.fleet, order, partial(inside, prompt=body.prompt)))

    async def work(progress: Progress) -> dict[str, Any]:
        launched = await launch(daemon.fleet, order, progress)
        seen = await view(daemon.fleet, daemon.fleet.find(launched.session.session_id))
        warnings = tuple(dict.fromkeys((*seen.warnings, *launched.warnings)))
        return {**session_view(replace(seen, warnings=warnings)), "message_id": launched.message_id or None}

    return await answer(daemon, accept, work)


@routes.get("")
async def get_sessions(
    daemon: TheDaemon, response: Response, every: Annotated[bool, Query(alias="all")] = False
) -> list[dict[str, Any]]:
    known = daemon.world.registry.sessions()
    response.headers[UNREADABLE_HEADER] = str(len(daemon.world.registry.broken()))
    sessions = [s for s in known if every or s.live or daemon.fleet.held(s.session_id)]
    return [session_view(seen) for seen in await views(daemon.fleet, sessions)]


@routes.get("/{selector}")
async def get_session(session: TheSession, daemon: TheDaemon) -> dict[str, Any]:
    return session_view(await view(daemon.fleet, session))


@routes.post("/{selector}/input")
async def post_input(body: InputRequest, session: TheSession, daemon: TheDaemon) -> dict[str, Any]:
    if body.dry_run:
        return as_plan(
            await plans.plan_send(
                daemon.fleet,
                session,
                body.text,
                mode=body.mode,
                wish=body.route,
                sender=body.sender,
                system=body.system,
            )
        )
    receipt = await send(
        daemon.fleet,
        session,
        body.text,
        mode=body.mode,
        wish=body.route,
        sender=body.sender,
        tags=body.tags,
        system=body.system,
    )
    return receipt_view(receipt)


@routes.post("/{selector}/interrupt")
async def post_interrupt(body: DryRun, session: TheSession, daemon: TheDaemon) -> dict[str, Any]:
    hold = await daemon.fleet.hold(session)
    if body.dry_run:
        return as_plan(plans.interruption(hold.journal.session, hold.journal.state.turn_id))
    turn_id = await hold.deliverer.interrupt()
    return {"session_id": session.session_id, "interrupted": bool(turn_id), "turn_id": turn_id}


@routes.get("/{selector}/snapshot")
async def get_snapshot(
    session: TheSession, daemon: TheDaemon, lines: Lines = 50, full: bool = False
) -> dict[str, Any]:
    seen = await snapshot(daemon.fleet, session, lines=lines, full=full)
    return {
        "session_id": session.session_id,
        "role": session.role,
        "state": seen.view.state.activity.value,
        "screen": seen.screen,
        "screen_error": seen.screen_error,
        "transcript": [e.to_json() for e in seen.envelopes],
        "next_seq": seen.next_seq,
    }


@routes.get("/{selector}/events", response_model=None)
async def get_events(
    session: TheSession,
    daemon: TheDaemon,
    since_seq: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 500,
    follow: bool = False,
) -> Any:
    if follow:
        return StreamingResponse(envelopes(daemon.fleet, session, since_seq), media_type=NDJSON)
    page = await daemon.world.store.read(session.session_id, since_seq, limit)
    return {
        "events": [e.to_json() for e in page.envelopes],
        "next_seq": page.next_seq,
        "oldest_seq": page.oldest_seq,
    }


@routes.get("/{selector}/log", response_model=None)
async def get_log(session: TheSession, daemon: TheDaemon, follow: bool = False) -> Any:
    file = await asyncio.to_thread(open_pane_log, daemon.fleet, session)
    return StreamingResponse(
        pane_log(daemon.fleet, session, file, follow=follow), media_type="application/octet-stream"
    )


@routes.get("/{selector}/attach")
async def get_attach(session: TheSession, daemon: TheDaemon, read_only: bool = False) -> dict[str, Any]:
    await daemon.fleet.hold(session)
    if daemon.runtime == "dry":
        raise NoScreen(
            f"{session.role} has no screen to attach to: with runtime = dry no container runs",
            hint=f"`orchestrator snapshot {session.role}` shows what would be on it",
        )
    return {"argv": attach_command(session, daemon.world.rules.engine_host, read_only=read_only)}


@routes.post("/{selector}/stop")
async def post_stop(body: DryRun, session: TheSession, daemon: TheDaemon) -> dict[str, Any]:
    if body.dry_run:
        return as_plan(await plan_stop(daemon.fleet, session))
    seen = await view(daemon.fleet, await stop(daemon.fleet, session))
    return {
        "session_id": session.session_id,
        "state": seen.state.activity.value,
        "desired": seen.session.desired.value,
        "container_state": seen.container_state,
    }


@routes.delete("/{selector}")
async def delete_session(
    session: TheSession,
    daemon: TheDaemon,
    force: bool = False,
    purge: bool = False,
    dry_run: bool = False,
) -> dict[str, Any]:
    if dry_run:
        return as_plan(plan_remove(session, force=force, purge=purge))
    await remove(daemon.fleet, session, force=force, purge=purge)
    return {"session_id": session.session_id, "removed": True}
