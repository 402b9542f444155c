"""A team on in-memory containers: one data directory, the installed console script, a daemon that is real."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.schemas import adapter
from orchestrator.daemon.home import read_daemon_record
from tests.children import at_home, child

SCRIPT = str(Path(sys.executable).with_name("orchestrator"))


@dataclass(frozen=True)
class Team:
    """One data directory and a way to type commands for it."""

    home: Path
    environment: dict[str, str]

    def __call__(self, *argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [SCRIPT, *argv],
            input=stdin,
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def text(self, *argv: str) -> str:
        """The output of a command that has to succeed."""
        done = self(*argv)
        assert done.returncode == 0, (argv, done.stderr.decode())
        return done.stdout.decode()

    def json(self, schema: str, *argv: str, status: int = 0) -> Any:
        """The document, which has to fit its schema."""
        done = self(*argv, "--json")
        assert done.returncode == status, (argv, done.stderr.decode())
        adapter(schema).validate_json(done.stdout)
        return json.loads(done.stdout)

    def error(self, *argv: str) -> tuple[int, str]:
        """The exit status and the code of a command that has to fail."""
        done = self(*argv, "--json")
        assert done.stdout == b""
        adapter("error").validate_json(done.stderr)
        return done.returncode, json.loads(done.stderr)["error"]["code"]

    def popen(self, *argv: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
        return child([SCRIPT, *argv], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def daemon_pid(self) -> int:
        record = read_daemon_record(self.home)
        assert record is not None
        return record.pid

    def end(self) -> None:
        done = self("daemon", "stop")
        assert done.returncode == 0, done.stderr.decode()


def make_team(home: Path) -> Team:
    return Team(
        home,
        at_home(home)
        | {"ORCHESTRATOR_RUNTIME": "dry", "ORCHESTRATOR_MODEL__BASE_URL": "http://127.0.0.1:1/v1"},
    )


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    made = make_team(tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A team for tests that only look, with one session `reviewer` that was told one thing."""
    made = make_team(tmp_path_factory.mktemp("shared"))
    made.text("launch", "reviewer")
    made.text("send", "reviewer", "hello", "--wait", "turn")
    yield made
    made.end()
