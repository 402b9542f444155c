"""What engines say about themselves, and which of them sessions can live on."""

from typing import Any

import pytest

from orchestrator.containers.fitness import judge
from orchestrator.core.errors import EngineUnfit

WHERE = "unix:///engine.sock"
DOCKER = {"Version": "20.10.24+dfsg1", "Components": [{"Name": "Engine"}, {"Name": "containerd"}]}
PODMAN = {"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}]}


def info(*options: str) -> dict[str, Any]:
    return {"SecurityOptions": ["name=seccomp,profile=default", *options]}


def test_an_ordinary_engine_has_no_warning() -> None:
    """Nor one that says nothing of itself."""
    assert judge(DOCKER, info("name=apparmor", "name=cgroupns"), WHERE) == ()
    assert judge({}, {"SecurityOptions": None}, WHERE) == ()


@pytest.mark.parametrize(
    ("version", "said", "why"),
    [
        (DOCKER, info("name=rootless", "name=cgroupns"), "is rootless"),
        (PODMAN, info(), r"is Podman 4\.3\.1"),
        (PODMAN, info("name=rootless"), "is Podman"),
    ],
)
def test_an_engine_that_cannot_run_agents_is_refused(
    version: dict[str, Any], said: dict[str, Any], why: str
) -> None:
    """In a line that names it, with another that says what to do."""
    with pytest.raises(EngineUnfit, match=f"the engine at {WHERE} {why}") as refused:
        judge(version, said, WHERE)
    assert "\n" not in refused.value.message
    assert "DOCKER_HOST" in refused.value.hint


def test_an_engine_that_maps_users_is_told_of() -> None:
    """Its owner meant something by it, and agents' containers go without."""
    (warning,) = judge(DOCKER, info("name=userns"), WHERE)
    assert "userns-remap" in warning
