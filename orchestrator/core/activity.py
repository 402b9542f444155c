"""What codex is doing, from what codex said: a pure reducer; an answer carries its source and its age."""

from collections.abc import Callable, Mapping, Sequence
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
    #: What codex waits for a person to answer: the ids of its requests, and what each makes of the session.
    pending: tuple[tuple[str, Activity], ...] = ()


#: A draft with this tag tells of another thread; the session's own activity does not follow it.
FOREIGN = "subagent"

Rule = Callable[[State, Draft], State | None]

#: Which reducer this is: another number wherever any history may come to another state than before.
REDUCER = 2


def advance(state: State, event: Draft) -> State:
    """The state after one event; `since` and `source` move only when the activity changes."""
    if FOREIGN in event.tags:
        return state
    rule = _RULES.get(event.type)
    after = rule(state, event) if rule else None
    if after is None:
        return state
    if after.activity is state.activity:
        return replace(after, since=state.since, source=state.source)
    return replace(after, since=event.timestamp, source=event.type)


def _stopped(_state: State, _event: Draft) -> State:
    return State(activity=Activity.STOPPED)


def _turn_started(_state: State, event: Draft) -> State:
    return State(activity=Activity.THINKING, turn_id=event.turn_id)


def _turn_completed(state: State, event: Draft) -> State | None:
    """The end of an earlier turn, told late, says nothing about the one that runs."""
    if state.activity is Activity.STOPPED or _of_another_turn(state, event):
        return None
    failed = event.data.get("status") == "failed"
    return State(activity=Activity.ERROR if failed else Activity.IDLE)


def _begun(state: State, event: Draft) -> State | None:
    return _inside(state, event, Activity.WORKING, _first_line(event.text))


def _ended(state: State, event: Draft) -> State | None:
    return _inside(state, event, Activity.THINKING, "")


def _inside(state: State, event: Draft, activity: Activity, doing: str) -> State | None:
    """A step of the running turn; beside an open question, or from an earlier turn, it moves nothing."""
    if not state.activity.in_turn or _waiting(state) or _of_another_turn(state, event):
        return None
    return replace(state, activity=activity, turn_id=event.turn_id or state.turn_id, doing=doing)


def _failing(state: State, event: Draft) -> State | None:
    """An error that codex tries again after shows in what the session is doing, with its cause."""
    if not event.data.get("will_retry"):
        return None
    why = ": ".join(filter(None, (_first_line(event.text), str(event.data.get("details") or ""))))
    return _inside(state, event, state.activity, _first_line(why))


def _asked(state: State, event: Draft) -> State | None:
    if state.activity is Activity.STOPPED:
        return None
    approval = event.type == Event.APPROVAL_REQUESTED
    activity = Activity.WAITING_PERMISSION if approval else Activity.WAITING_INPUT
    ident = str(event.data.get("request_id", ""))
    return replace(
        state,
        activity=activity,
        turn_id=event.turn_id or state.turn_id,
        doing=_first_line(event.text),
        pending=(*_without(state, ident), (ident, activity)),
    )


def _answered(state: State, event: Draft) -> State | None:
    """One question less; the session waits on while another is open."""
    left = _without(state, str(event.data.get("request_id", "")))
    if not _waiting(state):
        return replace(state, pending=left)
    if left:
        return replace(state, activity=left[-1][1], pending=left)
    return replace(state, activity=Activity.WORKING, doing="", pending=())


def _without(state: State, ident: str) -> tuple[tuple[str, Activity], ...]:
    return tuple(each for each in state.pending if each[0] != ident)


def _waiting(state: State) -> bool:
    return state.activity in {Activity.WAITING_INPUT, Activity.WAITING_PERMISSION}


def _of_another_turn(state: State, event: Draft) -> bool:
    return bool(event.turn_id and state.turn_id) and event.turn_id != state.turn_id


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")[:200]


def _status(state: State, event: Draft) -> State | None:
    """Codex's own word. `idle` does not end a start: the supervisor's `ready` does."""
    if state.activity is Activity.STOPPED:
        return None
    match event.data.get("status"):
        case "idle" if state.activity is not Activity.STARTING:
            return State(activity=Activity.IDLE)
        case "systemError":
            return State(activity=Activity.ERROR)
        case "active":
            return _active(state, event.data.get("active_flags", ()))
        case _:
            return None


def _active(state: State, flags: Sequence[str]) -> State | None:
    if "waitingOnApproval" in flags:
        return replace(state, activity=Activity.WAITING_PERMISSION)
    if "waitingOnUserInput" in flags:
        return replace(state, activity=Activity.WAITING_INPUT)
    if state.activity in {Activity.WORKING, Activity.THINKING}:
        return None
    return State(activity=Activity.WORKING, turn_id=state.turn_id)


def _supervisor(state: State, event: Draft) -> State | None:
    match event.data.get("method"):
        case "boot":
            return State(activity=Activity.STARTING)
        case "subscribed":
            return _status(state, event)
        case "ready" if state.activity in {Activity.STARTING, Activity.STOPPED}:
            return State(activity=Activity.IDLE)
        case "exit":
            return State(activity=Activity.STOPPED, doing=_first_line(event.text))
        case _:
            return None


_RULES: Mapping[str, Rule] = {
    Event.SESSION_STOPPED: _stopped,
    Event.TURN_STARTED: _turn_started,
    Event.TURN_COMPLETED: _turn_completed,
    Event.THREAD_STARTED: _status,
    Event.THREAD_STATUS: _status,
    Event.AGENT_MESSAGE: _begun,
    Event.COMMAND_STARTED: _begun,
    Event.FILE_CHANGE_STARTED: _begun,
    Event.TOOL_STARTED: _begun,
    Event.REASONING: _ended,
    Event.COMMAND_COMPLETED: _ended,
    Event.FILE_CHANGE_COMPLETED: _ended,
    Event.TOOL_COMPLETED: _ended,
    Event.ERROR: _failing,
    Event.APPROVAL_REQUESTED: _asked,
    Event.INPUT_REQUESTED: _asked,
    Event.APPROVAL_RESOLVED: _answered,
    Event.SUPERVISOR: _supervisor,
}

#: The only types that can move a state; all others can be left out of a history.
DECISIVE: tuple[str, ...] = tuple(_RULES)
