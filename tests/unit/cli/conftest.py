"""The installed console script, driven in subprocesses against a daemon that says what a test wants."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.daemon.home import current_socket_path
from orchestrator.testing.wire import Scripted, listening
from tests.children import at_home

SCRIPT = str(Path(sys.executable).with_name("orchestrator"))
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of whoever runs the tests."""
    return at_home(tmp_path) | {"TZ": "UTC"}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Scripted]:
    path = current_socket_path(tmp_path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with listening(path) as script:
        yield script


@pytest.fixture
def orchestrator(tmp_path: Path, environment: dict[str, str]) -> Run:
    def run(
        *argv: str, stdin: bytes = b"", cwd: Path = tmp_path, **more: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [SCRIPT, *argv],
            input=stdin,
            env=environment | more,
            cwd=cwd,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run
