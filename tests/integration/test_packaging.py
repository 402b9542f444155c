"""The wheel: it works where nothing of the checkout is, and carries what images are built from."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        ["uv", "build", "--wheel", "--quiet", "--out-dir", str(out), str(ROOT)], check=True, timeout=180
    )
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script, installed as `uv tool install` would, into an environment of its own."""
    place = tmp_path_factory.mktemp("tool")
    environment = {**os.environ, "UV_TOOL_DIR": str(place / "tools"), "UV_TOOL_BIN_DIR": str(place / "bin")}
    argv = ["uv", "tool", "install", "--quiet", "--python", sys.executable, str(wheel)]
    subprocess.run(argv, check=True, timeout=240, env=environment)
    return place / "bin" / "orchestrator"


def test_the_wheel_carries_the_recipes_of_the_images(wheel: Path) -> None:
    """Dockerfiles, profile, schema and tmux configuration are package data."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "orchestrator/_images/agent/Dockerfile",
        "orchestrator/_images/agent/seccomp.json",
        "orchestrator/_images/agent/__main__.py",
        "orchestrator/_images/model/Dockerfile",
        "orchestrator/store/schema/0001_events.sql",
        "orchestrator/store/schema/0002_standing.sql",
        "orchestrator/supervisor/tmux.conf",
        "orchestrator/testing/model/demo.json",
        "orchestrator/py.typed",
    } <= names


def test_the_installed_command_works_in_an_empty_folder(command: Path, tmp_path: Path) -> None:
    """Launch, send and transcript with the in-memory twins, from nothing but the wheel."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "ORCHESTRATOR_RUNTIME": "dry",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }

    def run(*args: str) -> str:
        done = subprocess.run(
            [command, *args],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        assert json.loads(run("launch", "reviewer", "--json"))["role"] == "reviewer"
        assert "dry run: hello" in run("send", "reviewer", "hello", "--wait", "turn")
        assert (tmp_path / "state/orchestrator/registry").is_dir()
    finally:
        run("daemon", "stop")
