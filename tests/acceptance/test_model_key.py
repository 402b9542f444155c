"""A model endpoint that wants a key: it comes as a file, and is nowhere else to be found."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.testing.model.memory import Memory
from orchestrator.testing.model.scenario import parse
from orchestrator.testing.model.server import ModelServer
from tests.acceptance.team import SCENARIO, Team

pytestmark = [pytest.mark.docker, pytest.mark.agent]

KEY = "sk-0123456789-not-a-real-one"


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer(Memory(parse(SCENARIO)), host="0.0.0.0", key=KEY) as server:  # noqa: S104 - containers must reach it
        yield server


@pytest.mark.parametrize("way", ["secret", "setting"])
def test_the_key_reaches_the_model_and_nobody_else(team: Team, home: Path, way: str) -> None:
    """Codex reads it from the session's own file; inspect, registry, labels and log do not have it."""
    key_file = home / "model.key"
    key_file.write_text(KEY)
    if way == "setting":
        settings = home / "orchestrator.toml"
        settings.write_text(settings.read_text().replace("[model]\n", f'[model]\nkey_file = "{key_file}"\n'))
    options = ["--secret", f"model-key={key_file}"] if way == "secret" else []
    view = team.launch("reviewer", *options)
    assert team.answer(view["session_id"], "hello") == "ok"
    assert KEY not in json.dumps(team.container(view).attrs)
    assert KEY not in (home / "registry" / f"{view['session_id']}.json").read_text()
    assert KEY not in team.log()
    assert KEY not in (team.folder(view) / "transcript.ndjson").read_text()


def test_without_its_key_the_turn_fails_and_says_so(team: Team) -> None:
    """What the endpoint answered is in the history."""
    view = team.launch("reviewer")
    done = team.run("send", view["session_id"], "hello", "--wait", "turn", "--json")
    assert done.code == 1
    assert done.json["turn"]["status"] == "failed"
