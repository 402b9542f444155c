"""Ends for what nothing else will end: turns and questions of an app-server that is gone. Pure."""

from collections.abc import Collection, Sequence

from orchestrator.supervisor.index import LogIndex, Message, OpenRequest, ident


def requests(index: LogIndex) -> list[Message]:
    """Every open question, taken back: the app-server that asked no longer waits."""
    return [_resolved(request) for request in index.open_requests.values()]


def turns(index: LogIndex, *, running: Collection[str] = ()) -> list[Message]:
    """Every open turn that is not known to run, ended as interrupted."""
    over = {turn_id: opened for turn_id, opened in index.open_turns.items() if turn_id not in running}
    return [_turn(opened.thread_id, turn_id) for turn_id, opened in over.items()]


def cut_off(listed: Sequence[Message]) -> list[Message]:
    """A thread's turns (oldest first) with those interrupted that only seem to be in progress.

    A thread runs one turn at a time, its newest. One before it was cut off by the death of an app-server:
    codex calls it in progress as long as another turn runs.
    """
    older = [_interrupted(turn) if turn.get("status") == "inProgress" else turn for turn in listed[:-1]]
    return [*older, *listed[-1:]]


def _interrupted(turn: Message) -> Message:
    return {**turn, "status": "interrupted"}


def in_doubt(index: LogIndex, thread_id: str, listed: Sequence[Message]) -> bool:
    """Whether the list of a thread's turns (oldest first) calls one over that may just have begun.

    For some milliseconds after `turn/start` codex leaves the turn out, or calls it interrupted. Only the
    newest turn of a thread can be that one; of an older one codex's word is final.
    """
    known = {ident(turn) for turn in listed}
    left_out = (
        turn.thread_id == thread_id and turn_id not in known for turn_id, turn in index.open_turns.items()
    )
    return any(left_out) or (bool(listed) and listed[-1].get("status") == "interrupted")


def _turn(thread_id: str, turn_id: str) -> Message:
    ended: Message = {
        "id": turn_id,
        "items": [],
        "itemsView": "notLoaded",
        "status": "interrupted",
        "error": None,
    }
    return {"method": "turn/completed", "params": {"threadId": thread_id, "turn": ended}}


def answered_meanwhile(index: LogIndex, thread_id: str, flags: list[str]) -> list[Message]:
    """After a reconnect: a thread that waits for nobody has no open questions any more."""
    if any(flag.startswith("waitingOn") for flag in flags):
        return []
    return [_resolved(r) for r in index.open_requests.values() if r.thread_id == thread_id]


def _resolved(request: OpenRequest) -> Message:
    params = {"threadId": request.thread_id, "requestId": request.request_id}
    return {"method": "serverRequest/resolved", "params": params}
