"""What is found of a session after any restart, and what is to be done about it: one pure table."""

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.core.ports import Container, ContainerState
from orchestrator.core.session import Desired, Session


class Action(StrEnum):
    """What resuming does. Nothing that runs is restarted."""

    REATTACH = "reattached"
    UNPAUSE = "unpaused and reattached"
    START = "started; the thread is resumed"
    RECREATE = "recreated with the same folders; the thread is resumed"
    FINISH_STOP = "stopped, as was asked for"
    FORGET = "removed: its launch never finished"
    LEAVE = "left alone"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found, in words for a person, and what to do."""

    found: str
    action: Action


#: There is something to stop, to hold, or to wait for.
UP = frozenset({ContainerState.RUNNING, ContainerState.RESTARTING, ContainerState.PAUSED})


def diagnose(session: Session, container: Container | None) -> Diagnosis:
    """The row of the table that this session is in; the engine has answered."""
    wanted = session.desired is Desired.RUNNING
    if container is None:
        return _without_container(session, wanted=wanted)
    if wanted and not session.container_id:
        return Diagnosis("a launch that was cut off", Action.FORGET)
    state = container.state
    if state in UP:
        if not wanted:
            return Diagnosis(f"container {state}, though it should be stopped", Action.FINISH_STOP)
        paused = state is ContainerState.PAUSED
        return Diagnosis(f"container {state}", Action.UNPAUSE if paused else Action.REATTACH)
    exited = f"container {state} ({container.exit_code})"
    if not wanted:
        return Diagnosis(exited, Action.LEAVE)
    unusable = state in {ContainerState.DEAD, ContainerState.REMOVING}
    return Diagnosis(exited, Action.RECREATE if unusable else Action.START)


def _without_container(session: Session, *, wanted: bool) -> Diagnosis:
    if not wanted:
        return Diagnosis("no container", Action.LEAVE)
    if not session.container_id:
        return Diagnosis("a launch that was cut off", Action.FORGET)
    return Diagnosis("no container; its folders are there", Action.RECREATE)
