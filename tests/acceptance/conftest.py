"""Fixtures: a scripted model, a data directory, a team, and hands for many things at once."""

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.testing.model.memory import Memory
from orchestrator.testing.model.scenario import parse
from orchestrator.testing.model.server import ModelServer
from tests.acceptance.team import SCENARIO, Team


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer(Memory(parse(SCENARIO)), host="0.0.0.0") as server:  # noqa: S104 - containers must reach it
        yield server


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="team-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def team(model: ModelServer, home: Path) -> Iterator[Team]:
    made = Team(home, model)
    yield made
    made.clean()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as executor:
        yield executor
