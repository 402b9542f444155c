"""A machine of its own for a second container engine, so that a test may kill one and lose nobody else's.

Machine means namespaces: network, mounts (with a `/run` that is gone after a reboot) and processes. The power
can be cut: its first process is killed, and with it all others and every mount. Only the disk stays. It never
touches the engine that the other tests use, except to copy an image out of it.
"""

import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

import docker
from docker.errors import DockerException

from orchestrator.containers.connection import knock
from orchestrator.testing.model.memory import Memory
from orchestrator.testing.model.scenario import parse
from orchestrator.testing.model.server import ModelServer
from tests.acceptance.team import SCENARIO, until

T = TypeVar("T")

PROGRAMS = ("unshare", "nsenter", "setpriv", "dockerd", "docker-init")
CGROUPS = Path("/sys/fs/cgroup")
#: The one inside first: it would die with the other.
PIDS = "$(cat /run/docker/containerd/containerd.pid) $(cat /run/docker.pid)"
#: The first process says who it is outside, makes a fresh /run, and collects the orphans.
FIRST = """
read pid rest </proc/self/stat
mount -t proc proc /proc && mount -t tmpfs tmpfs /run && echo "$pid" && exec docker-init -- sleep infinity
"""


def why_not() -> str:
    """What this machine lacks for a second engine; empty where it has all of it."""
    if os.geteuid() != 0:
        return "only root can start a second engine"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"a second engine needs {', '.join(missing)}" if missing else ""


class Machine:
    """Off when made. The scripted model listens in its network, on one port for as long as it exists.

    `options` are the engine's; `before` is a line of shell, run inside when it is turned on.
    """

    def __init__(self, *options: str, before: str = "true") -> None:
        self._options = options
        self._before = before
        #: On a real disk: overlays do not stack on overlays. Short, for the socket's path.
        self.disk = Path(tempfile.mkdtemp(prefix="engine-", dir="/var/tmp"))
        self.disk.chmod(0o711)  # where the engine maps users, root's other self has to come through
        self.host = f"unix://{self.disk}/docker.sock"
        self.model: ModelServer
        self._memory = Memory(parse(SCENARIO))
        self._port = 0
        self._cgroup = f"orchestrator-test-{secrets.token_hex(4)}"
        self._enter: list[str] = []
        self._first_pid = 0

    def power_on(self) -> None:
        """Boot, start the model and the engine."""
        # A killed test run must not leave it behind.
        tied = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid"]
        argv = [*tied, "--fork", "--kill-child", "sh", "-c", FIRST]
        with self._log() as log:
            self._shell = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._shell.stdout is not None
        with self._shell.stdout as told:
            self._first_pid = int(told.readline())
        self._enter = ["nsenter", "-t", str(self._first_pid), "-n", "-m", "-p", "--"]
        self.model = self._in_network(lambda: ModelServer(self._memory, host="0.0.0.0", port=self._port))  # noqa: S104 - containers must reach it
        self._port = self.model.port
        self.model.start()
        self.inside("sh", "-c", self._before)
        self.start_engine()

    def cut_power(self) -> None:
        """Nobody hears a signal, nothing is flushed; what was in /run is gone."""
        os.kill(self._first_pid, signal.SIGKILL)
        self._engine.kill()  # the hand that holds dockerd from outside; it may be asleep
        self._shell.wait(30)
        self._engine.wait(30)
        self.model.stop()
        self._drop_cgroups()

    def restore(self) -> None:
        """Back to work, whatever was done to it."""
        if not self._is_on():
            self.power_on()
        elif self._engine.poll() is not None:
            self.start_engine()

    def start_engine(self) -> None:
        options = [f"--data-root={self.disk}/data", "--exec-root=/run/docker", "--pidfile=/run/docker.pid"]
        options += ["-H", self.host, "--default-ulimit=nofile=20000:20000"]
        options += [
            f"--cgroup-parent=/{self._cgroup}",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            *self._options,
        ]
        with self._log() as log:
            self._engine = subprocess.Popen([*self._enter, "dockerd", *options], stdout=log, stderr=log)
        until(self._answers)

    def kill_engine(self) -> None:
        """SIGKILL, with its containerd. The containers do not notice."""
        self.inside("sh", "-c", f"kill -KILL {PIDS}")
        self._engine.wait(30)

    def stop_engine(self) -> None:
        """SIGTERM: it stops its containers first."""
        self.inside("sh", "-c", "kill -TERM $(cat /run/docker.pid)")
        self._engine.wait(60)

    def inside(self, *argv: str) -> None:
        subprocess.run([*self._enter, *argv], check=True, timeout=30)

    def load(self, image: str) -> None:
        """Copy an image out of the engine that everybody uses."""
        with closing(docker.from_env(timeout=120)) as theirs, closing(self._client(120)) as ours:
            ours.images.load(theirs.images.get(image).save(named=True))  # type: ignore[arg-type]  # any stream will do

    def scrap(self) -> None:
        """Leave nothing of it, whatever state it is in."""
        if self._is_on():
            self.cut_power()
        shutil.rmtree(self.disk)

    def _log(self) -> IO[str]:
        return (self.disk / "log").open("a+")

    def _is_on(self) -> bool:
        return bool(self._first_pid) and self._shell.poll() is None

    def _client(self, limit: int) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.host, timeout=limit)

    def _answers(self) -> bool:
        assert self._engine.poll() is None, (self.disk / "log").read_text()[-3000:]
        try:
            knock(self.host)
            with closing(self._client(10)) as client:
                return bool(client.ping())
        except (OSError, DockerException):
            return False

    def _in_network(self, make: Callable[[], T]) -> T:
        """A socket belongs to the network of the thread that makes it, and serves any thread then."""

        def there() -> T:
            with Path(f"/proc/{self._first_pid}/ns/net").open() as network:
                libc = ctypes.CDLL(None, use_errno=True)
                assert libc.setns(network.fileno(), 0) == 0, os.strerror(ctypes.get_errno())
            return make()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(there).result()

    def _drop_cgroups(self) -> None:
        """They outlive their processes, and are empty as soon as the last one is reaped."""
        for top in [*CGROUPS.glob(f"*/{self._cgroup}"), *CGROUPS.glob(self._cgroup)]:
            until(partial(_dropped, top))


def _dropped(top: Path) -> bool:
    with suppress(OSError):
        for folder, _, _ in os.walk(top, topdown=False):
            Path(folder).rmdir()
    return not top.exists()
