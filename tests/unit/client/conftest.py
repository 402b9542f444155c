"""A client of a data directory whose daemon says what the test tells it to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.client import Client
from orchestrator.daemon.home import current_socket_path
from orchestrator.testing.wire import Scripted, listening


@pytest.fixture
def home(tmp_path: Path) -> Path:
    current_socket_path(tmp_path).parent.mkdir(parents=True, exist_ok=True)
    return tmp_path


@pytest.fixture
def scripted(home: Path) -> Iterator[Scripted]:
    with listening(current_socket_path(home)) as script:
        yield script


@pytest.fixture
def client(home: Path) -> Client:
    return Client(home=home)
