"""`orchestrator model serve`: a model to try things with, as a user starts and stops it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.schemas import adapter
from tests.children import child

SCRIPT = str(Path(sys.executable).with_name("orchestrator"))


def test_serving_tells_the_address_for_containers_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    """One document says where it listens, once it does."""
    argv = [SCRIPT, "model", "serve", "--port", "0", "--json", "--home", str(tmp_path)]
    with child(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as served:
        assert served.stdout is not None
        told = adapter("model-serve").validate_python(json.loads(served.stdout.readline()))
        assert told["base_url"].startswith("http://host.docker.internal:")
        assert told["base_url"].split(":")[2] == told["url"].split(":")[2]
        served.send_signal(signal.SIGINT)
        _, err = served.communicate(timeout=60)
    assert (served.returncode, err) == (0, b"")


@pytest.mark.parametrize(
    ("verb", "scenario"),
    [
        (["serve", "--port", "0"], "{"),
        (["serve", "--port", "0"], None),
        (["up", "--dry-run"], '{"rules": 3}'),
    ],
)
def test_a_scenario_that_cannot_be_played_is_one_clear_line(
    tmp_path: Path, verb: list[str], scenario: str | None
) -> None:
    """Torn or missing, it is an input error, and no container is started for it."""
    path = tmp_path / "scenario.json"
    if scenario is not None:
        path.write_text(scenario)
    argv = [SCRIPT, "model", *verb, "--scenario", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "cannot be played" in done.stderr
    assert len(done.stderr.splitlines()) == 1
