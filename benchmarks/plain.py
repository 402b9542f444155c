"""What one would have without us: `docker run` of the same image, with tmux and codex in it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from benchmarks.stage import LIMIT, Stage
from orchestrator.client.answers import SessionView
from orchestrator.core.places import SessionFolder

#: What codex's screen shows as soon as one can type.
COMPOSER = b"\xe2\x80\xba"
INSIDE = Path(__file__).with_name("inside.py").resolve()
#: Codex by itself, and with an app-server and a thread of its own, as a session has it.
ALONE = "codex -s danger-full-access -a never"
SERVED = "python3 -I /inside.py"


class Plain:
    """Makes plain containers with the settings of a session of ours: its `config.toml`, a home for each."""

    def __init__(self, stage: Stage, like: SessionView, folder: Path) -> None:
        self._image = like["image"]
        root = stage.home / "outputs/agents" / like["role"] / like["session_id"]
        self._settings = Path(SessionFolder(PurePosixPath(root)).codex_home) / "config.toml"
        self._folder = folder
        self._made: list[str] = []

    def run(self, codex: str = ALONE) -> float:
        """Seconds from `docker run` until codex's composer is on its screen."""
        home = Path(tempfile.mkdtemp(dir=self._folder))
        shutil.copy(self._settings, home)
        home.chmod(0o777)
        (home / "config.toml").chmod(0o666)
        name = f"bench-{home.name}"
        self._made.append(name)
        began = time.perf_counter()
        argv = ["docker", "run", "-d", "-t", "--name", name, "--user", "agent", "--workdir", "/home/agent"]
        argv += ["--add-host", "host.docker.internal:host-gateway", "--init", "-e", "CODEX_HOME=/codex-home"]
        argv += ["-e", "TERM=xterm-256color"]
        argv += ["-v", f"{home}:/codex-home", "-v", f"{INSIDE}:/inside.py:ro", "--entrypoint", "sh"]
        _ran([*argv, self._image, "-c", f"stty rows 40 cols 120; exec tmux -u new-session '{codex}'"])
        _until_seen(name, "0")
        return time.perf_counter() - began

    def start_again(self, name: str) -> None:
        now = datetime.now(UTC).isoformat()
        _ran(["docker", "start", name])
        _until_seen(name, now)

    def kill_all(self) -> None:
        _ran(["docker", "kill", *self._made])

    @property
    def made(self) -> tuple[str, ...]:
        return tuple(self._made)

    def clear(self) -> None:
        if self._made:
            _ran(["docker", "rm", "-f", *self._made])
        self._made.clear()


@contextmanager
def plain(stage: Stage, like: SessionView) -> Iterator[Plain]:
    with tempfile.TemporaryDirectory(prefix="plain-", ignore_cleanup_errors=True) as folder:
        containers = Plain(stage, like, Path(folder))
        try:
            yield containers
        finally:
            containers.clear()


def _until_seen(name: str, since: str) -> None:
    reader = subprocess.Popen(
        ["docker", "logs", "-f", "--since", since, name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    deadline, seen = time.monotonic() + LIMIT, b""
    try:
        assert reader.stdout is not None
        while time.monotonic() < deadline and (block := os.read(reader.stdout.fileno(), 65536)):
            seen += block
            if COMPOSER in seen:
                return
    finally:
        reader.kill()
        reader.communicate()
    raise TimeoutError(f"codex's screen does not come up in the plain container: {seen[-500:]!r}")


def _ran(argv: list[str]) -> None:
    subprocess.run(argv, capture_output=True, timeout=LIMIT, check=True)
