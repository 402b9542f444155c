"""The doctor's checks that the daemon can make: each ok, warn or fail, with what to do about it."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from shutil import disk_usage
from urllib.parse import urlsplit

from orchestrator.core.errors import ImageUnavailable, InvalidInput, OrchestratorError
from orchestrator.core.places import MODEL_KEY
from orchestrator.core.session import Session
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.launch_plan import check_files, login
from orchestrator.sessions.records import unrecorded
from orchestrator.sessions.supervised import supervised
from orchestrator.sessions.world import Rules, World

LEAST_FREE_BYTES = 1024**3
#: Seconds that a model's endpoint has to take a connection.
MODEL_SECONDS = 3.0
#: What containers call the engine's host; this process calls it by another name.
HOST_OF_CONTAINERS = "host.docker.internal"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`status` is ok, warn or fail; `fix` is one line, empty when all is well."""

    name: str
    status: str
    detail: str
    fix: str = ""


_NOBODY_ASKED = Check(name="model", status="ok", detail="none is asked: runtime = dry")


async def examine(fleet: Fleet, *, asks_model: bool = True) -> list[Check]:
    """Every check, in the order in which one would look for a fault.

    `asks_model` is false where the sessions are played without one.
    """
    checks = [await _engine(fleet), await _image(fleet.world)]
    checks.append(await _model(fleet.world.rules) if asks_model else _NOBODY_ASKED)
    checks += [_disk(fleet), await _store(fleet), _registry(fleet), await _orphans(fleet)]
    live = [s for s in fleet.world.registry.sessions() if s.live]
    return [*checks, *(_walls(fleet, session) for session in live)]


async def _engine(fleet: Fleet) -> Check:
    try:
        facts = await fleet.world.engine.facts()
        warnings = await fleet.world.engine.fit(str(fleet.world.home.root))
    except OrchestratorError as exc:
        return Check(name="engine", status="fail", detail=exc.message, fix=exc.hint)
    where = f" at {fleet.world.rules.engine_host}" if fleet.world.rules.engine_host else ""
    detail = f"{facts.version}{where} (API {facts.api_version}, cgroup v{facts.cgroup_version})"
    if warnings:
        fix = "nothing, or choose another engine with DOCKER_HOST"
        return Check(name="engine", status="warn", detail="; ".join((detail, *warnings)), fix=fix)
    return Check(name="engine", status="ok", detail=detail)


async def _image(world: World) -> Check:
    images, rules = world.images, world.rules
    try:
        found = await images.foresee(rules.image, rules.agent_uid)
        if found.here:
            return Check(name="image", status="ok", detail=f"{found.image} is here")
        await images.source(rules.image, rules.agent_uid)
    except ImageUnavailable as exc:
        return Check(name="image", status="fail", detail=exc.message, fix=exc.hint)
    except OrchestratorError as exc:
        return Check(name="image", status="warn", detail=f"not looked for: {exc.message}")
    detail = f"{found.image} is not here yet; the first launch builds or pulls it"
    return Check(name="image", status="ok", detail=detail)


async def _model(rules: Rules) -> Check:
    """Its login, or whether its endpoint takes a connection; either may also be given with a launch."""
    if rules.base_url:
        try:
            check_files({MODEL_KEY: rules.model_key} if rules.model_key else {})
        except InvalidInput as exc:
            return Check(name="model", status="fail", detail=exc.message, fix="correct model.key_file")
        return await _endpoint(rules.base_url)
    try:
        return Check(name="model", status="ok", detail=f"OpenAI's, with the login {login(rules.login)}")
    except InvalidInput as exc:
        return Check(name="model", status="warn", detail=exc.message, fix=exc.hint)


async def _endpoint(url: str) -> Check:
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == HOST_OF_CONTAINERS else parts.hostname or ""
    try:
        async with asyncio.timeout(MODEL_SECONDS):
            _, writer = await asyncio.open_connection(host, parts.port or _PORTS.get(parts.scheme, 0))
    except (OSError, ValueError) as exc:
        return Check(
            name="model",
            status="warn",
            detail=f"{url} takes no connection from here: {_why(exc)}",
            fix="start it, or correct model.base_url; a name that only containers know can still be right",
        )
    writer.close()
    return Check(name="model", status="ok", detail=f"{url} takes connections")


def _why(exc: Exception) -> str:
    if isinstance(exc, TimeoutError) and not str(exc):
        return f"no answer within {MODEL_SECONDS:g} s"
    number = getattr(exc, "errno", None) or 0
    if number > 0:
        return os.strerror(number)  # asyncio's own words name a call
    return getattr(exc, "strerror", "") or str(exc)


def _disk(fleet: Fleet) -> Check:
    free = disk_usage(fleet.world.home.root).free
    detail = f"{free / 1024**3:.1f} GiB free at {fleet.world.home.root}"
    if free < LEAST_FREE_BYTES:
        return Check(name="disk", status="warn", detail=detail, fix="free some space")
    return Check(name="disk", status="ok", detail=detail)


async def _store(fleet: Fleet) -> Check:
    try:
        faults = await fleet.world.store.check()
    except OrchestratorError as exc:
        faults = [exc.message]
    if faults:
        return Check(
            name="event store", status="fail", detail="; ".join(faults[:3]), fix="keep the file; report it"
        )
    return Check(name="event store", status="ok", detail=str(fleet.world.home.database))


def _registry(fleet: Fleet) -> Check:
    registry = fleet.world.registry
    broken = registry.broken()
    if broken:
        detail = "; ".join(f"{b.path}: {b.reason}" for b in broken[:3])
        return Check(name="registry", status="fail", detail=detail, fix="`orchestrator registry rebuild`")
    return Check(name="registry", status="ok", detail=f"{len(registry.sessions())} sessions")


async def _orphans(fleet: Fleet) -> Check:
    try:
        lost = unrecorded(fleet, (await fleet.containers()).values())
    except OrchestratorError as exc:
        return Check(name="containers", status="warn", detail=f"not compared: {exc.message}")
    if lost:
        names = ", ".join(s.container_name for s in lost)
        return Check(
            name="containers",
            status="warn",
            detail=f"not in the registry: {names}",
            fix="`orchestrator resume-all`",
        )
    return Check(name="containers", status="ok", detail="all are in the registry")


def _walls(fleet: Fleet, session: Session) -> Check:
    status = supervised(fleet.world, session)
    walls = status.walls
    name = f"walls of {session.role} ({session.session_id})"
    if not walls:
        return Check(name=name, status="warn", detail=status.fault or "not probed yet")
    own = walls.get("codex_sandbox", "unknown")
    detail = f"container: {container_words(walls.get('container') or {})}; codex's own sandbox: {own}"
    if own == "broken":
        return Check(
            name=name,
            status="fail",
            detail=detail,
            fix="allow user namespaces on the engine's host, or launch with --sandbox danger-full-access",
        )
    return Check(name=name, status="ok", detail=detail)


def container_words(found: Mapping[str, object]) -> str:
    """What the supervisor's probe found of the container, in words; a wall that is missing is in capitals."""
    if not found:
        return "not known"
    powers = str(found.get("capabilities"))
    words = [
        "no new privileges" if found.get("no_new_privileges") else "NEW PRIVILEGES",
        f"CAPABILITIES {powers}" if powers.strip("0") else "no capabilities",
        "a read-only root" if found.get("read_only_root") else "A WRITABLE ROOT",
        "A DOCKER SOCKET" if found.get("docker_socket") else "no Docker socket",
    ]
    return ", ".join(words)
