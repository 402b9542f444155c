"""The table of resuming, row by row."""

import pytest

from orchestrator.core.ports import Container, ContainerState
from orchestrator.core.session import Desired, Session
from orchestrator.sessions.diagnosis import Action, diagnose


def session(desired: Desired, container_id: str = "c1") -> Session:
    return Session(
        session_id="k3v9x2m8qd",
        role="reviewer",
        project_id="0a1b2c3d",
        created_at="2026-01-01T00:00:00.000000Z",
        desired=desired,
        container_name="orchestrator-0a1b2c3d-k3v9x2m8qd",
        container_id=container_id,
        image="agent",
        workspace="/w",
    )


ROWS = [
    (Desired.RUNNING, ContainerState.RUNNING, Action.REATTACH),
    (Desired.RUNNING, ContainerState.RESTARTING, Action.REATTACH),
    (Desired.RUNNING, ContainerState.PAUSED, Action.UNPAUSE),
    (Desired.RUNNING, ContainerState.EXITED, Action.START),
    (Desired.RUNNING, ContainerState.CREATED, Action.START),
    (Desired.RUNNING, ContainerState.DEAD, Action.RECREATE),
    (Desired.RUNNING, ContainerState.REMOVING, Action.RECREATE),
    (Desired.RUNNING, None, Action.RECREATE),
    (Desired.STOPPED, ContainerState.EXITED, Action.LEAVE),
    (Desired.FINISHED, ContainerState.EXITED, Action.LEAVE),
    (Desired.STOPPED, ContainerState.RUNNING, Action.FINISH_STOP),
    (Desired.STOPPED, ContainerState.RESTARTING, Action.FINISH_STOP),
    (Desired.FINISHED, ContainerState.PAUSED, Action.FINISH_STOP),
    (Desired.STOPPED, None, Action.LEAVE),
    (Desired.FINISHED, None, Action.LEAVE),
]


@pytest.mark.parametrize(("desired", "state", "action"), ROWS)
def test_what_is_found_and_what_is_wanted_decide_what_is_done(
    desired: Desired, state: ContainerState | None, action: Action
) -> None:
    """Each row of the design's table, and the cuts between its steps."""
    found = Container(container_id="c1", name="n", state=state) if state else None
    assert diagnose(session(desired), found).action is action


@pytest.mark.parametrize("state", [None, *ContainerState])
def test_a_launch_that_never_finished_is_forgotten_whatever_it_left(state: ContainerState | None) -> None:
    """A record without a container id was never answered with success."""
    found = Container(container_id="c1", name="n", state=state) if state else None
    assert diagnose(session(Desired.RUNNING, container_id=""), found).action is Action.FORGET


def test_what_is_found_names_the_exit_code() -> None:
    """A person reads in one line how the container ended."""
    found = Container(container_id="c1", name="n", state=ContainerState.EXITED, exit_code=137)
    assert "137" in diagnose(session(Desired.RUNNING), found).found
