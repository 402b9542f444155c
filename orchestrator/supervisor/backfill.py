"""What the log missed, from what codex kept: messages in the shape of its notifications. Pure.

Turns are given oldest first, and the end of a turn comes after all of its items: so whatever interrupts a
back-fill, a turn that is closed in the log is whole there.
"""

from collections.abc import Mapping, Sequence

from orchestrator.codex.payload import mapping
from orchestrator.supervisor.index import LogIndex, Message, OpenTurn, ident

#: What no list of codex's brings back.
LOST = ("deltas", "retries", "token usage", "requests that were answered meanwhile")


def missing_turns(index: LogIndex, page: Sequence[Message]) -> tuple[list[Message], bool]:
    """Of a page of turns, newest first: those that are not whole in the log, and whether to read on."""
    found: list[Message] = []
    for turn in page:
        if ident(turn) in index.closed_turns:
            return found, False
        found.append(turn)
    return found, True


def messages(
    index: LogIndex, thread_id: str, turns: Sequence[Message], items: Mapping[str, Sequence[Message]]
) -> list[Message]:
    """What to write for these turns (oldest first); `items` has the entries of each by its id."""
    out: list[Message] = []
    for turn in turns:
        known = index.open_turns.get(ident(turn))
        if known is None:
            begun = {
                **turn,
                "items": [],
                "itemsView": "notLoaded",
                "status": "inProgress",
                "completedAt": None,
            }
            out.append(_message("turn/started", threadId=thread_id, turn=begun))
        for entry in items.get(ident(turn), ()):
            out += _item(known, thread_id, ident(turn), entry)
        if turn.get("status") != "inProgress":
            out.append(_message("turn/completed", threadId=thread_id, turn=turn))
    return out


def _item(known: OpenTurn | None, thread_id: str, turn_id: str, entry: Message) -> list[Message]:
    item = entry.get("item")
    if not isinstance(item, dict):
        return []
    completed = entry.get("completedAtMs")
    begun = known is not None and ident(item) in known.started
    if begun and item.get("type") == "userMessage":
        return []  # it has nothing to end, and its readers take the first line for the message
    where = {"item": item, "threadId": thread_id, "turnId": turn_id}
    if completed is None:
        return [] if begun else [_message("item/started", **where, startedAtMs=entry.get("startedAtMs"))]
    seen = known is not None and ident(item) in known.completed
    return [] if seen else [_message("item/completed", **where, completedAtMs=completed)]


def key(message: Message) -> tuple[str, str] | None:
    """What a back-filled message and a live one must not both say."""
    method, params = message.get("method"), mapping(message.get("params"))
    match method:
        case "turn/started" | "turn/completed":
            return method, ident(params.get("turn"))
        case "item/started" | "item/completed":
            return method, ident(params.get("item"))
        case _:
            return None


def settled(message: Message) -> set[tuple[str, str]]:
    """The keys of the live messages that come too late once this one is written.

    An item that has ended begins no more: codex may still have its beginning on the way.
    """
    own = key(message)
    if own is None:
        return set()
    method, of = own
    return {own, ("item/started", of)} if method == "item/completed" else {own}


def _message(method: str, **params: object) -> Message:
    return {"method": method, "params": params}
