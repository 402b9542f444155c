"""The composition root: which adapter stands behind which port, decided by the settings."""

import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from ulid import ULID

from orchestrator.codex.config import config_toml
from orchestrator.codex_connection.control import Control
from orchestrator.containers import address, hardening, labels, plan, resources
from orchestrator.containers.connection import Connection
from orchestrator.containers.engine import DockerEngine
from orchestrator.containers.images import DockerImages
from orchestrator.core.errors import RecordCorrupt
from orchestrator.core.places import MODEL_KEY, SECRETS, Home, SessionFolder
from orchestrator.core.policies import Limits, Policies
from orchestrator.core.ports import ByteStream, Container, ContainerPlan, Engine, Finished
from orchestrator.core.session import Session
from orchestrator.daemon import plans
from orchestrator.daemon.clock import SystemClock
from orchestrator.daemon.login import codex_login
from orchestrator.daemon.settings import Settings
from orchestrator.sessions.world import Describe, Rules, World
from orchestrator.store.database import SqliteEventStore
from orchestrator.store.folders import FileFolders
from orchestrator.store.recording import FileRecording
from orchestrator.store.registry import JsonRegistry
from orchestrator.store.transcript import NdjsonTranscript
from orchestrator.store.wakeups import Wakeups
from orchestrator.terminal.screen import TmuxTerminal
from orchestrator.workspaces.git import GitWorkspaces

DEFAULT_AGENT_UID = 1000


def build_world(home: Home, settings: Settings) -> World:
    """The world that the settings ask for: the real one, or the one of in-memory twins."""
    if settings.runtime == "dry":
        from orchestrator.daemon.dry import dry_world  # noqa: PLC0415 - the twins are not for every day

        return dry_world(home, rules(settings))
    connection = Connection(settings.engine.host or None)
    engine = DockerEngine(connection)
    wakeups = Wakeups()
    return World(
        home=home,
        rules=rules(settings),
        clock=SystemClock(),
        engine=engine,
        images=DockerImages(connection, base_image=settings.engine.base_image),
        registry=JsonRegistry(home),
        store=SqliteEventStore(Path(home.database)),
        folders=FileFolders(home),
        workspaces=GitWorkspaces(),
        terminal=lambda session: terminal(engine, session),
        codex=lambda session: Control(opener(engine, session)),
        recording=lambda session: FileRecording(Path(_folder(home, session).recording), wakeups),
        transcript=lambda session: NdjsonTranscript(Path(_folder(home, session).transcript)),
        changes=lambda folder: wakeups.changes(Path(folder)),
        dice=secrets.token_bytes,
        message_id=lambda: str(ULID()),
        config=config,
        plan=lambda session: plan.plan_container(session, _folder(home, session)),
        describe=describe(),
    )


def rules(settings: Settings) -> Rules:
    """The settings as the use cases know them."""
    agent, model = settings.agent, settings.model
    limits = Limits(memory=agent.memory, cpus=agent.cpus, pids=agent.pids)
    return Rules(
        default_policies=Policies(
            model=model.name,
            reasoning=model.reasoning,
            sandbox=agent.sandbox,
            approval=agent.approval,
            developer_instructions=agent.developer_instructions,
            limits=limits,
        ),
        base_url=model.base_url,
        login=codex_login(model.auth_file),
        model_key=str(Path(model.key_file).expanduser()) if model.key_file else "",
        engine_host=_engine_host(settings.engine.host),
        image=agent.image,
        agent_uid=os.geteuid() or DEFAULT_AGENT_UID,
        queue_limit=settings.send.queue_limit,
        rate_per_minute=settings.send.rate_per_minute,
        settle_seconds=settings.send.settle_seconds,
    )


def _engine_host(setting: str) -> str:
    """For the docker command of somebody's terminal; empty where it finds the engine by itself."""
    found = address.choose(setting, os.environ)
    return "" if found.usual else found.url


def config(session: Session) -> str:
    key_file = f"{SECRETS}/{MODEL_KEY}" if MODEL_KEY in session.secrets else ""
    return config_toml(session.policies, base_url=session.base_url, key_file=key_file)


def describe() -> Describe:
    """The adapters' own pure functions, for `--dry-run` and for rebuilding records."""

    def create(planned: ContainerPlan) -> list[str]:
        return hardening.steps(planned, str(resources.seccomp_file()))

    def record(container: Container) -> Session | None:
        try:
            return labels.found(container)
        except RecordCorrupt:
            return None

    def paste(session: Session, text: str) -> list[str]:
        return plans.paste(session.session_id, text)

    def start_turn(session: Session, text: str) -> list[str]:
        return plans.start_turn(session.thread_id, text)

    return Describe(create=create, record=record, paste=paste, start_turn=start_turn)


def opener(engine: Engine, session: Session) -> Callable[[Sequence[str]], Awaitable[ByteStream]]:
    """How a program is held inside the session's container."""
    return lambda argv: engine.open(session.container_name, argv)


def terminal(engine: Engine, session: Session) -> TmuxTerminal:
    async def run(argv: Sequence[str], stdin: bytes) -> Finished:
        return await engine.run(session.container_name, argv, stdin=stdin)

    return TmuxTerminal(session.session_id, opener(engine, session), run)


def _folder(home: Home, session: Session) -> SessionFolder:
    return home.folder(session.role, session.session_id)
