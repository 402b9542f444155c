"""What every case plays on: a data directory, its daemon, a scripted model, sessions; gone at the end."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from orchestrator.client import Client
from orchestrator.client.answers import SessionView
from orchestrator.core.places import TMUX_SOCKET, tmux_target
from orchestrator.testing.model.memory import Memory
from orchestrator.testing.model.scenario import parse
from orchestrator.testing.model.server import ModelServer

SCRIPT = str(Path(sys.executable).with_name("orchestrator"))
ANSWERS_AT_ONCE = {"default": [[{"say": "ok", "delay": 0}]]}
LIMIT = 120


@dataclass(frozen=True)
class Stage:
    """`few` is true for a quick look: cases then measure a handful instead of enough."""

    home: Path
    model: ModelServer
    docker: docker.DockerClient
    environment: Mapping[str, str]
    few: bool

    @property
    def client(self) -> Client:
        return Client(home=self.home)

    def times(self, many: int) -> int:
        return min(many, 5) if self.few else many

    def launch(self, role: str) -> SessionView:
        return _session(self.client.launch({"role": role}))

    def remove(self, view: SessionView) -> None:
        self.client.remove(view["session_id"], force=True, purge=True)

    def idle(self, view: SessionView) -> None:
        """Wait until nothing is under way in the session."""

        def quiet() -> bool:
            now = self.client.session(view["session_id"])
            return now["state"] == "idle" and not now["queued"]

        until(quiet)

    def exec(self, view: SessionView, *argv: str) -> list[str]:
        """The command line that runs a program in the session's container by a fresh `docker exec`."""
        return ["docker", "exec", "-i", "-u", "agent", view["container_id"], *argv]

    def tmux(self, view: SessionView, *argv: str) -> list[str]:
        return self.exec(view, "tmux", "-N", "-S", TMUX_SOCKET, *argv)

    def target(self, view: SessionView) -> str:
        return tmux_target(view["session_id"])

    def timed(self, argv: Sequence[str]) -> float:
        """How long a whole process takes that has to succeed, in seconds."""
        began = time.perf_counter()
        done = subprocess.run(
            argv, env=dict(self.environment), capture_output=True, timeout=LIMIT, check=False
        )
        taken = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(f"{argv} failed: {done.stderr.decode(errors='replace')}")
        return taken


def until(holds: Callable[[], bool], *, every: float = 0.01) -> None:
    """Look until it is so; a run that waits longer than `LIMIT` seconds is broken."""
    deadline = time.monotonic() + LIMIT
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("what the run waits for does not come")
        time.sleep(every)


@contextmanager
def staged(*, few: bool) -> Iterator[Stage]:
    home = Path(tempfile.mkdtemp(prefix="bench-"))
    with ModelServer(Memory(parse(ANSWERS_AT_ONCE)), host="0.0.0.0") as model:  # noqa: S104 - containers must reach it
        endpoint = f"http://host.docker.internal:{model.port}/v1"
        settings = f'[model]\nbase_url = "{endpoint}"\n[send]\nrate_per_minute = 6000\n'
        (home / "orchestrator.toml").write_text(settings)
        environment = {**os.environ, "ORCHESTRATOR_HOME": str(home)}
        # An installed command is not compiled anew each time.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        stage = Stage(home, model, docker.from_env(timeout=LIMIT), environment, few)
        try:
            yield stage
        finally:
            _clear(stage)
    shutil.rmtree(home)


def _clear(stage: Stage) -> None:
    for view in stage.client.sessions(everything=True):
        stage.remove(view)
    project = str(stage.client.daemon()["project_id"])
    Client(home=stage.home, start=False).stop_daemon()
    for network in stage.docker.networks.list(names=[f"orchestrator-{project}"]):
        network.remove()
    stage.docker.close()


def _session(answer: Any) -> SessionView:
    view: SessionView = answer
    return view
