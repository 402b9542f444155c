"""`docker-compose.yml`, as somebody without Python on the host uses it, from nothing to nothing."""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from orchestrator.containers import base, recipes
from orchestrator.containers.address import DEFAULT_SOCKET
from orchestrator.containers.connection import Connection
from orchestrator.containers.scripted_model import LABEL as MODEL
from orchestrator.testing.waiting import until
from tests.children import without_settings
from tests.conftest import BASE_IMAGE, sweep

pytestmark = [pytest.mark.docker, pytest.mark.agent]

ROOT = Path(__file__).parents[2]
CLONED = ("docker-compose.yml", ".dockerignore", "LICENSE", "README.md", "pyproject.toml", "uv.lock")
STACK = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
ROLES = ("reviewer", "builder")


class Stack:
    """One compose project on a clone, and a data directory."""

    def __init__(self, name: str, clone: Path, home: Path, base_image: str) -> None:
        self.name, self.clone, self.home = name, clone, home
        self.environment = without_settings() | {
            "COMPOSE_PROJECT_NAME": name,
            "ORCHESTRATOR_BASE_IMAGE": base_image,
            "ORCHESTRATOR_HOME": str(self.home),
            "ORCHESTRATOR_USER": f"{os.getuid()}:{DEFAULT_SOCKET.stat().st_gid}",
        }
        self.client = docker.from_env(timeout=60)

    def compose(self, *args: str, check: bool = True) -> str:
        done = subprocess.run(
            ["docker-compose", *args],
            cwd=self.clone,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert not (check and done.returncode), (args, done.stdout[-3000:], done.stderr[-3000:])
        return done.stdout

    def orchestrator(self, *args: str) -> Any:
        """The answer of a command that is typed into the daemon's container."""
        return json.loads(self.compose("exec", "-T", "daemon", "orchestrator", *args, "--json"))

    def answer(self, role: str, text: str) -> str:
        receipt = self.orchestrator("send", role, text, "--wait", "turn", "--timeout", "90")
        return str(receipt["turn"]["answer"])

    def transcript(self, view: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the host has of a session, where the host has it."""
        lines = (self.folder(view) / "transcript.ndjson").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def folder(self, view: Mapping[str, Any]) -> Path:
        return Path(self.home, "outputs", "agents", view["role"], view["session_id"])

    def said(self, view: Mapping[str, Any], kind: str) -> list[str]:
        return [event["text"] for event in self.transcript(view) if event["type"] == kind]

    def service(self, name: str) -> Container:
        (found,) = self._labelled(f"{STACK}={self.name}", f"{SERVICE}={name}")
        return found

    def project(self) -> str:
        return str(json.loads((self.home / "registry" / "project.json").read_text())["project_id"])

    def model(self) -> list[Container]:
        return self._labelled(f"{MODEL}={self.project()}")

    def container(self, view: Mapping[str, Any]) -> Container:
        return self.client.containers.get(view["container_name"])

    def started(self, view: Mapping[str, Any]) -> str:
        container = self.container(view)
        assert container.status == "running"
        return str(container.attrs["State"]["StartedAt"])

    def left(self) -> list[str]:
        """What the engine still has of it."""
        ours = f"orchestrator-{self.project()}"
        found = [str(one.name) for one in self.client.containers.list(all=True, ignore_removed=True)]
        found += [str(one.name) for one in self.client.networks.list()]
        return [name for name in found if name.startswith((self.name, ours))]

    def clean(self) -> None:
        self.compose("down", "--timeout", "20", check=False)
        mine = self._labelled(f"{STACK}={self.name}")
        if (self.home / "registry" / "project.json").exists():
            mine += self.model()
        for container in mine:
            container.remove(force=True, v=True)
        if (self.home / "registry" / "project.json").exists():
            sweep(self.project())

    def _labelled(self, *labels: str) -> list[Container]:
        filters: dict[str, Any] = {"label": list(labels)}
        return list(self.client.containers.list(all=True, filters=filters, ignore_removed=True))


@pytest.fixture(scope="module")
def built() -> Iterator[Callable[[Path], Stack]]:
    """A clone with its images; it has this host's own certificates, as a build behind a proxy needs them."""
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    name, base_image = f"orchestrator-test-{secrets.token_hex(4)}", asyncio.run(_base_image())
    folder = Path(tempfile.mkdtemp(prefix="orchestrator-compose-", dir="/tmp"))

    def on(home: Path) -> Stack:
        return Stack(name, folder, home, base_image)

    try:
        _clone(folder)
        on(folder).compose("build")
        yield on
    finally:
        on(folder).compose("down", "--rmi", "local", check=False)
        shutil.rmtree(folder)


@pytest.fixture
def stack(built: Callable[[Path], Stack], model_image: str, agent_image: str) -> Iterator[Stack]:
    """A stack on a data directory of its own; nothing of it stays."""
    home = Path(tempfile.mkdtemp(prefix="orchestrator-compose-", dir="/tmp"))
    made = built(home)
    try:
        yield made
    finally:
        sys.stderr.write(made.compose("logs", check=False))
        made.clean()
        made.client.close()
        shutil.rmtree(home)


async def _base_image() -> str:
    connection = Connection()
    try:
        return await base.choose(connection, BASE_IMAGE, print)
    finally:
        await connection.close()


def _clone(clone: Path) -> None:
    for name in ("images", "orchestrator"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in CLONED:
        shutil.copy(ROOT / name, clone / name)
    for path, data in recipes.extra_certificates().items():
        (clone / "images" / "orchestrator" / path).write_bytes(data)


def test_a_team_works_with_docker_alone_and_comes_back_after_its_daemon_was_killed(stack: Stack) -> None:
    """Two roles answer; the killed daemon finds them as they were; `down` leaves them, `rm` does not."""
    stack.compose("up", "-d")
    views = [stack.orchestrator("launch", role) for role in ROLES]
    assert [stack.answer(role, f"hello {role}") for role in ROLES] == [f"You said: hello {r}" for r in ROLES]
    before = [stack.started(view) for view in views]

    stack.service("daemon").kill()
    stack.compose("up", "-d")
    resumed = stack.orchestrator("resume-all")
    assert {(r["session_id"], r["ok"]) for r in resumed} == {(v["session_id"], True) for v in views}
    assert [stack.started(view) for view in views] == before
    assert [stack.answer(role, f"again {role}") for role in ROLES] == [f"You said: again {r}" for r in ROLES]
    for view in views:
        words = [f"hello {view['role']}", f"again {view['role']}"]
        assert stack.said(view, "user_message") == words
        assert stack.said(view, "agent_message") == [f"You said: {word}" for word in words]

    daemon = stack.service("daemon")
    stack.compose("stop")
    daemon.reload()
    assert daemon.attrs["State"]["ExitCode"] == 0
    assert stack.model() == []
    stack.compose("down")
    assert [stack.started(view) for view in views] == before

    stack.compose("up", "-d")
    for view in views:
        stack.orchestrator("rm", view["session_id"], "--force", "--purge")
    stack.compose("down")
    assert stack.left() == []
    assert list((stack.home / "outputs" / "agents").iterdir()) == []


async def test_a_login_and_a_secret_are_files_and_in_no_container_s_environment(stack: Stack) -> None:
    """Both lie in the data directory; the session has copies, and what the engine knows has neither."""
    login, token = secrets.token_hex(16), secrets.token_hex(16)
    (stack.home / "auth.json").write_text(json.dumps({"auth_mode": "apikey", "OPENAI_API_KEY": login}))
    (stack.home / "token").write_text(token)
    stack.environment["ORCHESTRATOR_MODEL__BASE_URL"] = ""
    stack.compose("up", "-d", "daemon")
    await until((stack.home / "outputs" / "daemon" / "daemon.json").exists)
    view = stack.orchestrator("launch", "reviewer", "--secret", f"token={stack.home}/token")
    folder = stack.folder(view)
    assert login in (folder / "codex-home" / "auth.json").read_text()
    assert (folder / "secrets" / "token").read_text() == token
    known = json.dumps([stack.service("daemon").attrs, stack.container(view).attrs])
    assert view["session_id"] in known
    assert login not in known
    assert token not in known
