"""The world of `runtime = "dry"`: twins for engine, screen and codex, so that everything else can be tried.

Registry, store, folders and transcripts are real. What is launched lives in this process alone: when the
daemon ends, its containers are gone, as after an engine's loss, and resuming makes them again.
"""

import json
import os
import secrets
import uuid
from dataclasses import replace
from pathlib import Path

from ulid import ULID

from orchestrator.containers import plan
from orchestrator.core.places import Home
from orchestrator.core.ports import ContainerPlan
from orchestrator.core.session import Session
from orchestrator.daemon.build import config, describe
from orchestrator.daemon.clock import SystemClock
from orchestrator.sessions.world import Rules, World
from orchestrator.store import atomic
from orchestrator.store.database import SqliteEventStore
from orchestrator.store.folders import FileFolders
from orchestrator.store.recording import FileRecording
from orchestrator.store.registry import JsonRegistry
from orchestrator.store.transcript import NdjsonTranscript
from orchestrator.store.wakeups import Wakeups
from orchestrator.testing.codex import MemoryCodex
from orchestrator.testing.engine import MemoryEngine, MemoryImages
from orchestrator.testing.terminal import MemoryTerminal
from orchestrator.workspaces.git import GitWorkspaces

#: Nobody is asked, so nobody has to log in.
NO_MODEL = "http://model.invalid/v1"
#: So that the default limits fit on any machine.
LEAST_CPUS = 2
LEAST_MEMORY = 2 * 1024**3


class DryAgents:
    """What would run inside the containers: one codex and one screen each, begun when a container starts."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._codex: dict[str, MemoryCodex] = {}
        self._screens: dict[str, MemoryTerminal] = {}

    def start(self, planned: ContainerPlan) -> None:
        """Do what a supervisor does first: a thread, new or resumed, and word that it is ready."""
        session_id = planned.labels["orchestrator.session"]
        folder = self._home.folder(planned.labels["orchestrator.role"], session_id)
        thread_file, recording = Path(folder.thread_file), Path(folder.recording)
        known = json.loads(thread_file.read_bytes())["thread_id"] if thread_file.exists() else ""
        thread_id = known or str(uuid.uuid4())
        lines = recording.read_bytes().count(b"\n") if recording.exists() else 0
        codex = MemoryCodex(lambda line: _append(recording, line), first_line=lines + 1)
        self._codex[session_id] = codex
        self._screens[session_id] = MemoryTerminal(lambda text: codex.typed(thread_id, text))
        codex.open_thread(thread_id, how="resumed" if known else "started")
        atomic.replace(thread_file, json.dumps({"schema": 1, "thread_id": thread_id}).encode())
        _ready(Path(folder.status_file), thread_id)

    def codex(self, session: Session) -> MemoryCodex:
        return self._codex[session.session_id]

    def screen(self, session: Session) -> MemoryTerminal:
        return self._screens[session.session_id]


def dry_world(home: Home, rules: Rules) -> World:
    agents = DryAgents(home)
    wakeups = Wakeups()
    return World(
        home=home,
        rules=replace(rules, base_url=rules.base_url or NO_MODEL),
        clock=SystemClock(),
        engine=MemoryEngine(started=agents.start),
        images=MemoryImages(
            cpus=max(os.cpu_count() or 1, LEAST_CPUS),
            memory=max(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), LEAST_MEMORY),
        ),
        registry=JsonRegistry(home),
        store=SqliteEventStore(Path(home.database)),
        folders=FileFolders(home),
        workspaces=GitWorkspaces(),
        terminal=agents.screen,
        codex=agents.codex,
        recording=lambda s: FileRecording(Path(home.folder(s.role, s.session_id).recording), wakeups),
        transcript=lambda s: NdjsonTranscript(Path(home.folder(s.role, s.session_id).transcript)),
        changes=lambda folder: wakeups.changes(Path(folder)),
        dice=secrets.token_bytes,
        message_id=lambda: str(ULID()),
        config=config,
        plan=lambda s: plan.plan_container(s, home.folder(s.role, s.session_id)),
        describe=describe(),
    )


def _append(path: Path, line: bytes) -> None:
    with path.open("ab") as file:
        file.write(line)


def _ready(path: Path, thread_id: str) -> None:
    boot = json.loads(path.read_bytes())["boot"] if path.exists() else 0
    status = {"schema": 1, "phase": "ready", "reason": "", "boot": boot + 1, "thread_id": thread_id}
    atomic.replace(path, json.dumps(status).encode())
