"""What the commands that are typed all day do not import, because each of it would be waited for."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.testing.wire import Scripted, answer

SLOW = {
    "docker",
    "fastapi",
    "pydantic",
    "rich",
    "ssl",
    "email",
    "http.client",
    "tempfile",
    "traceback",
    "difflib",
    "hashlib",
}
SPY = "import sys; from orchestrator.cli.main import main; main(); print(*sys.modules, file=sys.stderr)"
RECEIPT = {"message_id": "m1", "session_id": "abc0000000", "state": "committed", "route": None, "turn_id": ""}


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short path: in a long one the daemon's socket is named by a hash."""
    with tempfile.TemporaryDirectory(prefix="o") as folder:
        yield Path(folder)


def imported(environment: dict[str, str], place: Path, *argv: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SPY, *argv],
        env=environment,
        cwd=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


def test_asking_for_the_version_imports_nothing_slow(environment: dict[str, str], tmp_path: Path) -> None:
    """It is also what every command pays before it begins."""
    modules = imported(environment, tmp_path, "version")
    assert "orchestrator.cli.commands.version" in modules
    assert not SLOW & modules


def test_a_whole_send_imports_nothing_slow(
    environment: dict[str, str], tmp_path: Path, daemon: Scripted
) -> None:
    """With its way to the daemon and back."""
    said: dict[str, Any] = RECEIPT | {"reason": ""}
    daemon.will(*[answer(json.dumps(said).encode(), 200)] * 2)
    modules = imported(environment, tmp_path, "send", "r", "hi")
    assert daemon.asked[0][1].endswith("/input")
    assert not SLOW & modules
