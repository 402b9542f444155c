"""A computer that can be rebooted: systemd as its first process, an engine of its own, a person called ana.

It is a container, not quite privileged, of the image in `computer_image/`. Its disk is the container's own
layer, and a volume for its engine, because overlays do not stack on overlays; /run and /tmp are gone after a
reboot.
"""

import asyncio
import json
import secrets
import shlex
import shutil
import subprocess
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from orchestrator.containers import base, recipes
from orchestrator.containers.connection import Connection
from orchestrator.core.ports import Progress
from tests.acceptance.team import until
from tests.conftest import AGENT_UID, BASE_IMAGE

ROOT = Path(__file__).parents[2]
RECIPE = Path(__file__).parent / "computer_image"
IMAGE = "orchestrator-test-computer"
COMMAND = "/opt/orchestrator/bin/orchestrator"
LIMIT = 120
#: All that the engine in there, its containers and systemd need; limits cannot be raised on every machine.
MAY = [
    *("--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--device-cgroup-rule=a *:* rwm", "--cgroupns=private"),
    *("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"),
    *("--security-opt=systempaths=unconfined", "--hostname=computer"),
    *("--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec,mode=1777"),
]


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Computer:
    """Off when made."""

    def __init__(self) -> None:
        self.name = f"orchestrator-test-{secrets.token_hex(4)}"

    def power_on(self) -> None:
        """For the first time."""
        disk = f"--volume={self.name}:/var/lib/docker"
        _docker("run", "--detach", f"--name={self.name}", *MAY, disk, IMAGE)
        self.wait_until_up()

    def wait_until_up(self) -> None:
        """Everything that is started at boot has been started."""
        until(self._is_up)

    def shut_down(self) -> None:
        """In order: systemd stops what it started, and ends."""
        _docker("stop", "--time=60", self.name)

    def cut_power(self) -> None:
        """Nobody hears a signal."""
        _docker("kill", self.name)

    def boot(self) -> None:
        """With the disk as it was left."""
        self.switch_on()
        self.wait_until_up()

    def switch_on(self) -> None:
        """Boot, and do not wait."""
        _docker("start", self.name)

    def reboot(self) -> None:
        self.shut_down()
        self.boot()

    def scrap(self) -> None:
        """Leave nothing of it.

        Controllers that the host does not mount have no namespace of ours: what a power cut left there stays.
        """
        self.root("sh", "-c", "rmdir /sys/fs/cgroup/*/docker/*", check=False)  # refused where one is in use
        _docker("rm", "--force", self.name)
        _docker("volume", "rm", self.name)

    def install(self, wheel: Path) -> None:
        """The command, for everybody."""
        _docker("cp", str(wheel), f"{self.name}:/opt/{wheel.name}")
        options = ("--python=/opt/orchestrator", "--no-deps", "--compile-bytecode")
        self.root("/opt/uv/bin/uv", "pip", "install", *options, f"/opt/{wheel.name}")

    def load(self, *images: str) -> None:
        """Copy images out of the engine that everybody uses."""
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
            argv = ["docker", "exec", "--interactive", self.name, "docker", "load", "--quiet"]
            subprocess.run(argv, stdin=saved.stdout, check=True, timeout=LIMIT, capture_output=True)
        assert saved.returncode == 0

    def root(self, *argv: str, check: bool = True) -> Done:
        """What root typed."""
        return _docker("exec", self.name, *argv, check=check)

    def ana(self, *argv: str, check: bool = True) -> Done:
        """What ana typed after she had logged in."""
        return self.root("su", "-", "ana", "-c", shlex.join(argv), check=check)

    def journal(self) -> str:
        return self.root("journalctl", "--boot", "--no-pager", "--lines=200", check=False).out

    def _is_up(self) -> bool:
        state = self.root("systemctl", "is-system-running", "--wait", check=False)
        assert state.out.strip() != "degraded", self.root("systemctl", "--failed", check=False).out
        return state.out.strip() == "running"


def _docker(*argv: str, check: bool = True) -> Done:
    done = subprocess.run(["docker", *argv], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert not (check and done.returncode), (argv, done.stdout[-3000:], done.stderr[-3000:])
    return Done(done.returncode, done.stdout, done.stderr)


def build(progress: Progress = print) -> None:
    """The image; a layer that was built before is not built again."""
    context = Path(tempfile.mkdtemp(prefix="computer-", dir="/tmp"))
    try:
        shutil.copytree(RECIPE, context, dirs_exist_ok=True)
        for name in ("pyproject.toml", "uv.lock"):
            shutil.copy(ROOT / name, context / name)
        for path, data in recipes.extra_certificates().items():
            (context / path).parent.mkdir(exist_ok=True)
            (context / path).write_bytes(data)
        arguments = {"BASE_IMAGE": asyncio.run(_base_image(progress)), "UID": str(AGENT_UID)}
        with closing(docker.from_env(timeout=600)) as client:
            client.images.build(path=str(context), tag=IMAGE, buildargs=arguments, rm=True)
    finally:
        shutil.rmtree(context)


def build_wheel(folder: Path) -> Path:
    """Of this tree."""
    argv = ["uv", "build", "--wheel", "--quiet", "--out-dir", str(folder), str(ROOT)]
    subprocess.run(argv, check=True, timeout=180)
    return next(folder.glob("*.whl"))


async def _base_image(progress: Progress) -> str:
    connection = Connection()
    try:
        return await base.choose(connection, BASE_IMAGE, progress)
    finally:
        await connection.close()
