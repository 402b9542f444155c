"""Foreign failures become errors with a next step."""

from typing import Any

import pytest
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from orchestrator.containers.address import Address
from orchestrator.containers.faults import never_arrived, translate
from orchestrator.core.errors import (
    ContainerGone,
    EngineRefused,
    EngineUnreachable,
    ImageUnavailable,
    OrchestratorError,
    TimedOut,
)

WHERE = Address("unix:///nowhere.sock")


def buried(cause: Exception) -> DockerException:
    """As requests and docker-py wrap it: inside `args`, then as a context."""
    outer = DockerException(f"Error while fetching server API version: {cause}")
    outer.__context__ = requests.ConnectionError(OSError("Connection aborted.", cause))
    return outer


ROWS: list[tuple[Exception, type[OrchestratorError]]] = [
    (NotFound("404", explanation="No such container: x"), ContainerGone),
    (NotFound("404", explanation="No such exec instance: x"), ContainerGone),
    (NotFound("404", explanation="network x not found"), EngineRefused),
    (ImageNotFound("404", explanation="No such image: x"), ImageUnavailable),
    (APIError("409", explanation="Container x is paused"), EngineRefused),
    (buried(PermissionError(13, "Permission denied")), EngineUnreachable),
    (buried(ConnectionRefusedError(111, "Connection refused")), EngineUnreachable),
    (requests.ReadTimeout("Read timed out."), TimedOut),
    (TimeoutError(), TimedOut),
    (requests.ConnectionError("Remote end closed connection"), EngineUnreachable),
]


@pytest.mark.parametrize(("foreign", "ours"), ROWS, ids=lambda row: getattr(row, "__name__", ""))
def test_each_failure_of_the_engine_has_an_error_of_ours(foreign: Any, ours: type[OrchestratorError]) -> None:
    """The leaf decides the exit code, the hint says what to do."""
    found = translate(foreign, WHERE)
    assert type(found) is ours
    assert "\n" not in found.message


def test_a_person_without_the_right_is_told_which_group() -> None:
    """It is the commonest trouble on a new machine."""
    assert "usermod -aG docker" in translate(buried(PermissionError(13, "no")), WHERE).hint


def test_what_named_an_absent_engine_is_to_be_corrected() -> None:
    """Setting another variable would not help."""
    away = ConnectionRefusedError(111, "Connection refused")
    named = Address("unix:///nowhere.sock", "docker context desktop")
    assert translate(away, named).hint.endswith(", or correct docker context desktop")
    assert translate(away, WHERE).hint.endswith(", or set DOCKER_HOST")


def test_a_folder_that_the_engine_does_not_find_is_told_with_what_to_do() -> None:
    """It is on this machine, and the engine's machine is another one, or sees other folders."""
    said = 'invalid mount config for type "bind": bind source path does not exist: /home/ana/shop'
    found = translate(APIError("400", explanation=said), WHERE)
    assert "/home/ana/shop" in found.message
    assert found.hint == "the engine has to find it under the same path as this machine"


def test_only_what_never_arrived_is_tried_again() -> None:
    """A connection that broke may have done its work."""
    assert never_arrived(buried(ConnectionRefusedError()))
    assert never_arrived(buried(FileNotFoundError()))
    assert not never_arrived(buried(ConnectionResetError()))
    assert not never_arrived(requests.ReadTimeout())
