"""The routes that are about everything at once: receipts, resuming, the registry, the daemon, the doctor."""

import asyncio
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query

from orchestrator.api.models import DryRun, LaunchAllRequest, launching_view, receipt_view
from orchestrator.api.orders import inside, order_of
from orchestrator.api.sessions import TheDaemon
from orchestrator.api.streams import answer
from orchestrator.core.errors import SettingsInvalid
from orchestrator.core.ports import Progress
from orchestrator.core.receipt import Delivery
from orchestrator.sessions import waits
from orchestrator.sessions.examine import examine
from orchestrator.sessions.launch_all import launch_all, plan_all
from orchestrator.sessions.records import rebuild, verify
from orchestrator.sessions.step import as_plan

routes = APIRouter(prefix="/v1")
LONGEST_WAIT = 86_400.0


@routes.get("/daemon")
async def get_daemon(daemon: TheDaemon) -> dict[str, Any]:
    return await daemon.status()


@routes.post("/daemon/stop")
async def post_stop(daemon: TheDaemon) -> dict[str, Any]:
    daemon.stopping.set()
    return {}


@routes.get("/receipts/{message_id}")
async def get_receipt(
    message_id: str,
    daemon: TheDaemon,
    wait: Literal["none", "settled", "committed", "turn"] = "none",
    limit: Annotated[float, Query(alias="timeout", ge=0, le=LONGEST_WAIT)] = 30.0,
) -> dict[str, Any]:
    if wait == "none":
        return receipt_view(await daemon.world.store.receipt(message_id))
    if wait == "settled":
        return receipt_view(await waits.settled(daemon.fleet, message_id, limit))
    began = daemon.world.clock.monotonic()
    receipt = await waits.committed(daemon.fleet, message_id, limit)
    if wait == "committed" or receipt.state is not Delivery.COMMITTED:
        return receipt_view(receipt)
    left = limit - (daemon.world.clock.monotonic() - began)
    outcome = await waits.turn_of(daemon.fleet, receipt, left)
    return {**receipt_view(receipt), "turn": outcome.to_json()}


@routes.post("/resume-all", response_model=None)
async def post_resume_all(body: DryRun, daemon: TheDaemon, accept: Annotated[str, Header()] = "") -> Any:
    async def work(progress: Progress) -> list[dict[str, Any]]:
        return [asdict(r) for r in await daemon.resume(progress, dry_run=body.dry_run)]

    return await answer(daemon, accept, work)


@routes.post("/launch-all", response_model=None)
async def post_launch_all(
    body: LaunchAllRequest, daemon: TheDaemon, accept: Annotated[str, Header()] = ""
) -> Any:
    roles = list(await asyncio.to_thread(daemon.roles))
    if not roles:
        raise SettingsInvalid(
            "there is no role in the settings",
            hint="`orchestrator init` writes two; a table [roles.NAME] in orchestrator.toml makes one",
        )
    orders = partial(order_of, daemon, body)
    if body.dry_run:
        return as_plan(await plan_all(daemon.fleet, roles, orders, inside))

    async def work(progress: Progress) -> list[dict[str, Any]]:
        return [launching_view(one) for one in await launch_all(daemon.fleet, roles, orders, progress)]

    return await answer(daemon, accept, work)


@routes.get("/registry/verify")
async def get_registry(daemon: TheDaemon) -> dict[str, Any]:
    return await verify(daemon.fleet)


@routes.post("/registry/rebuild")
async def post_rebuild(body: DryRun, daemon: TheDaemon) -> dict[str, Any]:
    return await rebuild(daemon.fleet, dry_run=body.dry_run)


@routes.get("/doctor")
async def get_doctor(daemon: TheDaemon) -> dict[str, Any]:
    checks = await examine(daemon.fleet, asks_model=daemon.runtime != "dry")
    return {"ok": all(c.status != "fail" for c in checks), "checks": [asdict(c) for c in checks]}
