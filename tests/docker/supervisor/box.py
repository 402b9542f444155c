"""A session folder and its container, as the host sees them: put together, asked, and broken.

The image is the one of all Docker tests. Where `ORCHESTRATOR_TEST_CODEX` names an unpacked codex package,
codex and our package are mounted into it: then a bare image with tmux and python3 will do.
"""

import asyncio
import json
import os
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound
from docker.models.containers import Container

from orchestrator.codex_connection.peer import Connection
from orchestrator.core import places
from orchestrator.testing.processes import LocalStream
from orchestrator.testing.waiting import until
from tests.docker.supervisor.inside import CONFIG, CUT

ROOT = Path(__file__).parents[3]
UID = os.getuid() or 1000
LIMIT = 45.0
Line = dict[str, Any]


class Box:
    """One session folder and its container, seen from the host."""

    def __init__(self, client: docker.DockerClient, folder: Path, image: str, port: int) -> None:
        self._client = client
        self._folder = folder
        self._image = image
        self._port = port
        self.name = f"t-sup-{uuid.uuid4().hex[:10]}"
        self.session_id = "k3v7m2qx9c"
        self.sandbox = "danger-full-access"
        self.approval = "never"
        self.restart = False
        self.pids = 256
        self.memory = "1g"
        self.default_seccomp = False
        self.extra_binds: list[str] = []
        self._connections: list[Connection] = []

    @property
    def container(self) -> Container:
        return self._client.containers.get(self.name)

    @property
    def private(self) -> Path:
        return self._folder / "private"

    @property
    def pane_log(self) -> Path:
        return self._folder / "log.txt"

    def prepare(self, **order: Any) -> None:
        """Make the folder and write the order; again, only the order."""
        for part in ("private", "codex-home", "workspace"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        self.pane_log.touch()
        config = CONFIG.format(port=self._port, sandbox=self.sandbox, approval=self.approval)
        (self._folder / "codex-home/config.toml").write_text(config)
        self.order(**order)
        (self.private).chmod(0o700)

    def order(self, **changes: Any) -> None:
        value = {
            "schema": 1,
            "session_id": self.session_id,
            "role": "tester",
            "desired": "running",
            "cwd": "/work",
            "model": "",
            "reasoning": None,
            "sandbox": self.sandbox,
            "approval": self.approval,
            "developer_instructions": "You test.",
            "thread_id": "",
            **changes,
        }
        (self.private / "session.json").write_text(json.dumps(value))
        if os.getuid() == 0:
            for path in (self._folder, *self._folder.rglob("*")):
                os.lchown(path, UID, UID)

    def run(self) -> None:
        self._client.containers.run(
            self._image,
            entrypoint=["python3", "-I", "/opt/orchestrator"],
            name=self.name,
            detach=True,
            init=True,
            user="root",
            cap_drop=["ALL"],
            cap_add=["SETUID", "SETGID", "KILL"],
            security_opt=self._security(),
            read_only=True,
            tmpfs={
                "/tmp": "mode=1777,exec",  # noqa: S108 - inside the container
                "/run/agent": f"uid={UID},gid={UID},mode=755",
                "/home/agent": f"uid={UID},gid={UID},mode=700,exec",
                "/priv": "uid=0,gid=0,mode=0700",
            },
            volumes=self._volumes(),
            pids_limit=self.pids,
            mem_limit=self.memory,
            memswap_limit=self.memory,
            extra_hosts={"host.docker.internal": "host-gateway"},
            restart_policy={"Name": "on-failure"} if self.restart else None,
        )

    async def up(self, **order: Any) -> "Box":
        """Prepare, run, and wait for `ready`."""
        self.prepare(**order)
        self.run()
        await self.ready()
        return self

    async def ready(self, after: int = 0) -> None:
        """Until `ready` is recorded behind that line number."""
        await self.line(lambda line: _method(line) == "supervisor/ready", after=after)

    def lines(self) -> list[Line]:
        path = self.private / "codex.ndjson"
        data = path.read_bytes() if path.exists() else b""
        return [json.loads(line) for line in data.splitlines(keepends=True) if line.endswith(b"\n")]

    def last(self) -> int:
        lines = self.lines()
        return int(lines[-1]["n"]) if lines else 0

    async def line(self, wanted: Callable[[Line], bool], *, after: int = 0, limit: float = LIMIT) -> Line:
        """The first line behind `after` that is wanted, as soon as there is one."""
        found: list[Line] = []

        def look() -> bool:
            found[:] = [line for line in self.lines() if line["n"] > after and wanted(line)][:1]
            return bool(found)

        try:
            await until(look, limit)
        except TimeoutError as exc:
            said = [f"{line['n']} {line['src']} {_method(line)}" for line in self.lines()][-60:]
            raise AssertionError("\n".join([*said, self.logs()[-2000:], json.dumps(self.status())])) from exc
        return found[0]

    async def method(self, name: str, *, after: int = 0, source: str = "", limit: float = LIMIT) -> Line:
        return await self.line(
            lambda line: _method(line) == name and source in ("", line["src"]), after=after, limit=limit
        )

    def lose_recording(self) -> None:
        (self.private / "codex.ndjson").write_bytes(b"")

    def status(self) -> dict[str, Any]:
        path = self.private / "status.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def thread_id(self) -> str:
        return str(json.loads((self.private / "thread.json").read_text())["thread_id"])

    def logs(self) -> str:
        return str(self.container.logs().decode())

    def exec(self, *argv: str, user: str = "agent") -> tuple[int, str]:
        code, output = self.container.exec_run(list(argv), user=user)
        assert isinstance(code, int)
        assert isinstance(output, bytes)
        return code, output.decode()

    def kill(self, pid: int | str, signal: str = "KILL") -> None:
        assert self.exec("kill", f"-{signal}", str(pid), user="root")[0] == 0

    def tmux(self, *args: str) -> str:
        code, output = self.exec("tmux", "-N", "-S", places.TMUX_SOCKET, *args)
        assert code == 0, output
        return output.strip()

    def pane_pid(self) -> int:
        return int(
            self.tmux("display-message", "-p", "-t", places.tmux_target(self.session_id), "#{pane_pid}")
        )

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", places.tmux_target(self.session_id))

    async def until_on_screen(self, text: str) -> None:
        await until(lambda: text in self.screen(), LIMIT)

    async def printed(self, number: int) -> list[Line]:
        """The lines on the container's stdout, as soon as there are so many."""
        found: list[Line] = []

        def look() -> bool:
            text = self.container.logs(stderr=False)
            found[:] = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith(b"\n")]
            return len(found) >= number

        await until(look, LIMIT)
        return found

    async def press_until(self, key: str, method: str) -> None:
        """Press a key until that is recorded: a dialog ignores keys in its first second."""

        def pressed() -> bool:
            if any(_method(line) == method for line in self.lines()):
                return True
            self.tmux("send-keys", "-t", places.tmux_target(self.session_id), key)
            return False

        await until(pressed, LIMIT)

    def supervisor_pid(self) -> int:
        return int(self.exec("pgrep", "-f", "python3 -I /opt/orchestrator", user="root")[1].split()[-1])

    async def connect(self) -> Connection:
        argv = ("docker", "exec", "-i", "-u", "agent", self.name, "codex", "app-server", "proxy", "--sock")
        process = await asyncio.create_subprocess_exec(
            *argv, places.APP_SOCKET, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        connection = await Connection.open(LocalStream(process), name="test", listen=False)
        self._connections.append(connection)
        return connection

    async def until_idle(self, link: Connection) -> None:
        """Until codex itself says that the thread idles, whatever is recorded."""

        async def idle() -> bool:
            answer = await link.call("thread/read", {"threadId": self.thread_id(), "includeTurns": False})
            return bool(answer["thread"]["status"]["type"] == "idle")

        await until(idle, LIMIT)

    def cut(self) -> None:
        """Shut the supervisor's connections down, from a container beside it that may trace it."""
        output = self._client.containers.run(
            self._image,
            entrypoint=["python3", "-c", CUT, str(self.supervisor_pid())],
            pid_mode=f"container:{self.name}",
            user="root",
            cap_add=["SYS_PTRACE"],
            security_opt=["seccomp=unconfined", "apparmor=unconfined"],
            remove=True,
        )
        assert int(output) > 0

    async def start_turn(self, text: str, connection: Connection | None = None) -> str:
        """Start a turn by the app-server; its id."""
        link = connection or await self.connect()
        params = {"threadId": self.thread_id(), "input": [{"type": "text", "text": text}]}
        return str((await link.call("turn/start", params))["turn"]["id"])

    async def turn(self, text: str) -> str:
        """A whole turn, until its end is recorded."""
        turn_id = await self.start_turn(text)
        await self.line(
            lambda line: _method(line) == "turn/completed" and line["m"]["params"]["turn"]["id"] == turn_id
        )
        return turn_id

    async def exited(self) -> int:
        return int((await asyncio.to_thread(self.container.wait, timeout=60))["StatusCode"])

    async def stop(self, desired: str) -> int:
        """`docker stop` with that order; the exit code."""
        self.order(desired=desired)
        await asyncio.to_thread(self.container.stop, timeout=20)
        return await self.exited()

    async def remove(self) -> None:
        for connection in self._connections:
            await connection.close()
        try:
            self.container.remove(force=True, v=True)
        except NotFound:
            return

    def _security(self) -> list[str]:
        options = ["no-new-privileges"]
        if self.sandbox != "danger-full-access" and not self.default_seccomp:
            options.append("seccomp=" + (ROOT / "images/agent/seccomp.json").read_text())
        return options

    def _volumes(self) -> list[str]:
        parts = {"private": places.PRIVATE, "log.txt": places.PANE_LOG, "codex-home": places.CODEX_HOME}
        binds = [
            f"{self._folder / part}:{target}" for part, target in {**parts, "workspace": "/work"}.items()
        ]
        if codex := os.environ.get("ORCHESTRATOR_TEST_CODEX"):
            binds += [
                f"{codex}:/opt/codex:ro",
                f"{ROOT / 'orchestrator'}:/opt/orchestrator/orchestrator:ro",
                f"{ROOT / 'images/agent/__main__.py'}:/opt/orchestrator/__main__.py:ro",
            ]
        return binds + self.extra_binds


def _method(line: Line) -> str:
    return str(line["m"].get("method", ""))
