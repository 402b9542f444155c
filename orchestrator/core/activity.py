"""What codex is doing, from what codex said: a pure reducer; an answer carries its source and its age."""

from dataclasses import dataclass, replace
from enum import StrEnum

from orchestrator.core.envelope import Draft
from orchestrator.core.events import Event


class Activity(StrEnum):
    """What a session is doing. It says nothing about what is wanted of it, nor about its container."""

    STARTING = "starting"
    WORKING = "working"
    THINKING = "thinking"
    WAITING_INPUT = "waiting_input"
    WAITING_PERMISSION = "waiting_permission"
    IDLE = "idle"
    STOPPED = "stopped"
    ERROR = "error"

    @property
    def in_turn(self) -> bool:
        return self in {
            Activity.WORKING,
            Activity.THINKING,
            Activity.WAITING_INPUT,
            Activity.WAITING_PERMISSION,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """An activity with the event that decided it (`source`), since when, and in which turn."""

    activity: Activity = Activity.STARTING
    since: str = ""
    source: str = "nothing recorded yet"
    turn_id: str = ""
    doing: str = ""


def advance(state: State, event: Draft) -> State:
    """The state after one event of the main thread; `since` moves only when the activity changes."""
    decided = _decide(state, event)
    if decided is None:
        return state
    activity, turn_id, doing = decided
    changed = activity is not state.activity
    return replace(
        state,
        activity=activity,
        turn_id=turn_id,
        doing=doing,
        since=event.timestamp if changed else state.since,
        source=event.type if changed else state.source,
    )


def _decide(state: State, event: Draft) -> tuple[Activity, str, str] | None:  # noqa: C901, PLR0911 - one arm an event
    turn = event.turn_id or state.turn_id
    match event.type:
        case Event.TURN_STARTED:
            return Activity.THINKING, turn, ""
        case Event.TURN_COMPLETED:
            failed = event.data.get("status") == "failed"
            return (Activity.ERROR if failed else Activity.IDLE), "", ""
        case Event.THREAD_STATUS:
            return _from_status(state, event)
        case Event.REASONING:
            return (Activity.THINKING, turn, "") if state.activity.in_turn else None
        case Event.COMMAND_STARTED | Event.FILE_CHANGE_STARTED | Event.TOOL_STARTED | Event.AGENT_MESSAGE:
            return (
                (Activity.WORKING, turn, event.text.splitlines()[0][:200] if event.text else "")
                if (state.activity.in_turn)
                else None
            )
        case Event.COMMAND_COMPLETED | Event.FILE_CHANGE_COMPLETED | Event.TOOL_COMPLETED:
            return (Activity.THINKING, turn, "") if state.activity.in_turn else None
        case Event.APPROVAL_REQUESTED:
            return Activity.WAITING_PERMISSION, turn, event.text
        case Event.INPUT_REQUESTED:
            return Activity.WAITING_INPUT, turn, event.text
        case Event.APPROVAL_RESOLVED:
            return (Activity.WORKING, turn, "") if state.activity.in_turn else None
        case Event.SESSION_STOPPED:
            return Activity.STOPPED, "", ""
        case Event.SESSION_LAUNCHED:
            return Activity.STARTING, "", ""
        case _:
            return None


def _from_status(state: State, event: Draft) -> tuple[Activity, str, str] | None:
    flags = event.data.get("active_flags", ())
    match event.data.get("status"):
        case "idle":
            return Activity.IDLE, "", ""
        case "systemError":
            return Activity.ERROR, "", ""
        case "active" if "waitingOnApproval" in flags:
            return Activity.WAITING_PERMISSION, state.turn_id, state.doing
        case "active" if "waitingOnUserInput" in flags:
            return Activity.WAITING_INPUT, state.turn_id, state.doing
        case "active" if not state.activity.in_turn or state.activity in {
            Activity.WAITING_INPUT,
            Activity.WAITING_PERMISSION,
        }:
            return Activity.WORKING, state.turn_id, ""
        case _:
            return None
