"""A team as its operator has it: the command, a data directory, real containers, a scripted model."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container

from orchestrator.core import places
from orchestrator.testing.model.server import ModelServer

LIMIT = 60.0
SCENARIO = {
    "rules": [
        {
            "when": "/(?s)^gate (\\w+)/",
            "steps": [[{"say": "At the gate."}, {"wait": "{{1}}"}, {"say": "Through {{1}}."}]],
        },
        {"when": "/(?s)^run (.+)/", "steps": [[{"shell": "{{1}}"}], [{"say": "It said: {{out}}"}]]},
        {"when": "recall", "steps": [[{"say": "I recall."}]]},
    ],
    "default": [[{"say": "ok"}]],
}


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Team:
    """One data directory; `run` is the command line itself."""

    def __init__(self, root: Path, model: ModelServer, host: str = "", image: str = "") -> None:
        self.root = root
        self.model = model
        self.environment = {**os.environ, "ORCHESTRATOR_HOME": str(root), "USER": "operator"}
        if host:
            self.environment["DOCKER_HOST"] = host
        self.client = docker.DockerClient(base_url=host) if host else docker.from_env()
        root.mkdir(parents=True, exist_ok=True)
        endpoint = f"http://host.docker.internal:{model.port}/v1"
        (root / "orchestrator.toml").write_text(
            f'[model]\nbase_url = "{endpoint}"\n[send]\nrate_per_minute = 600\n[agent]\nimage = "{image}"\n'
        )

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cli", *args],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *args: str, stdin: str = "", limit: float = 240.0) -> Done:
        process = self.start(*args)
        try:
            out, err = process.communicate(stdin, timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Done(process.returncode, out, err)

    def ok(self, *args: str, stdin: str = "") -> Any:
        """The command's JSON document; it must succeed."""
        done = self.run(*args, "--json", stdin=stdin)
        assert done.code == 0, (args, done.code, done.err, self.log()[-3000:])
        return done.json

    def launch(self, role: str, *args: str) -> dict[str, Any]:
        view: dict[str, Any] = self.ok("launch", role, *args)
        return view

    def send(self, session: str, text: str, *args: str) -> dict[str, Any]:
        receipt: dict[str, Any] = self.ok("send", session, "-", *args, stdin=text)
        return receipt

    def answer(self, session: str, text: str) -> str:
        """Send, wait for the turn, and give its answer."""
        return str(self.send(session, text, "--wait", "turn", "--timeout", "90")["turn"]["answer"])

    def daemon_pid(self) -> int:
        return int(self.ok("daemon", "status")["pid"])

    def log(self) -> str:
        path = self.root / "outputs/daemon/daemon.log"
        return path.read_text() if path.exists() else ""

    def folder(self, view: dict[str, Any]) -> Path:
        return self.root / f"outputs/agents/{view['role']}/{view['session_id']}"

    def transcript(self, view: dict[str, Any]) -> list[dict[str, Any]]:
        lines = (self.folder(view) / "transcript.ndjson").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def texts(self, view: dict[str, Any], kind: str) -> list[str]:
        return [e["text"] for e in self.transcript(view) if e["type"] == kind]

    def container(self, view: dict[str, Any]) -> Container:
        return self.client.containers.get(view["container_name"])

    def inside(self, view: dict[str, Any], *argv: str, user: str = "root") -> str:
        code, output = self.container(view).exec_run(list(argv), user=user)
        assert isinstance(output, bytes)
        assert code == 0, output.decode()
        return output.decode().strip()

    def tmux(self, view: dict[str, Any], form: str) -> str:
        target = places.tmux_target(view["session_id"])
        argv = ["tmux", "-N", "-S", places.TMUX_SOCKET, "display-message", "-p", "-t", target, form]
        return self.inside(view, *argv, user="agent")

    def kill_daemon(self) -> None:
        os.kill(self.daemon_pid(), signal.SIGKILL)

    def clean(self) -> None:
        self.run("daemon", "stop")
        try:
            project = json.loads((self.root / "registry/project.json").read_text())["project_id"]
        except FileNotFoundError:
            return
        labelled = f"orchestrator.project={project}"
        for container in self.client.containers.list(all=True, filters={"label": labelled}):
            container.remove(force=True, v=True)
        for network in self.client.networks.list(names=[f"orchestrator-{project}"]):
            network.remove()
        self.client.close()


def until(holds: Callable[[], Any], limit: float = LIMIT) -> Any:
    """What the condition gave as soon as it is true of the world outside."""
    deadline = time.monotonic() + limit
    pause = threading.Event()
    while not (found := holds()):
        assert time.monotonic() < deadline, "not so in time"
        pause.wait(0.05)
    return found
