"""What the recorder's word says of the messages of the outbox: proven by it, or left behind. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.core.envelope import Direction, Draft
from orchestrator.core.events import Event
from orchestrator.core.receipt import Delivery, Mode, Receipt, Route

_EVENTS = {
    Delivery.QUEUED: Event.MESSAGE_QUEUED,
    Delivery.WRITTEN: Event.MESSAGE_WRITTEN,
    Delivery.ACCEPTED: Event.MESSAGE_ACCEPTED,
    Delivery.COMMITTED: Event.MESSAGE_COMMITTED,
    Delivery.FAILED: Event.MESSAGE_FAILED,
    Delivery.UNKNOWN: Event.MESSAGE_UNKNOWN,
}
_PERHAPS_NEVER_SHOWN = frozenset({Delivery.FAILED, Delivery.UNKNOWN})
#: Characters of a message that an event about it repeats.
LONGEST_BEGINNING = 60
#: Codex drops what it had taken into a turn and not shown yet when that turn is interrupted: it is in no
#: history and no later turn.
DROPPED = "codex dropped it: the turn that had taken it was interrupted before it was shown"
NOT_IN_TURN = "the turn that had taken it ended without showing it"
#: What others say of an end that codex did not tell as it happened.
_SECOND_HAND = frozenset({"synthetic", "backfill"})
_PROVABLE = frozenset({Delivery.WRITTEN, Delivery.ACCEPTED, Delivery.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Settled:
    """Drafts to store, and the receipts that changed with them."""

    drafts: tuple[Draft, ...]
    receipts: tuple[Receipt, ...]


def announce(receipt: Receipt, now: str) -> Draft:
    """The event that tells of a receipt's present state.

    The text stands in the user message alone. Where that may never come, the event has its beginning.
    """
    return Draft(
        timestamp=now,
        type=_EVENTS[receipt.state],
        direction=Direction.SYSTEM,
        sender=receipt.sender,
        turn_id=receipt.turn_id,
        tags=receipt.tags,
        data={
            "message_id": receipt.message_id,
            "mode": receipt.mode.value,
            "route": receipt.route.value if receipt.route else "",
            "reason": receipt.reason,
            "characters": len(receipt.text),
            **({"beginning": beginning(receipt.text)} if receipt.state in _PERHAPS_NEVER_SHOWN else {}),
        },
    )


def beginning(text: str) -> str:
    """So much of a text as tells which one it is: of its first line, without white space around it."""
    first, *more = text.strip().split("\n", 1)
    cut = first[:LONGEST_BEGINNING]
    return f"{cut}…" if more or cut != first else cut


def settle(drafts: Sequence[Draft], outbox: Sequence[Receipt], now: str) -> Settled:
    """Mark each user message with the receipt that it proves, and move that receipt to committed.

    A message that went through the app-server is known by its client id; a typed one, which codex's screen
    gives an id of its own, by its text. One that is on its way comes before an unknown one.
    """
    waiting = sorted(
        (r for r in outbox if r.state in _PROVABLE), key=lambda r: (r.state is Delivery.UNKNOWN, r.position)
    )
    stored: list[Draft] = []
    changed: list[Receipt] = []
    for draft in drafts:
        proven = _proven(draft, waiting)
        if proven is None:
            stored.append(draft)
            continue
        waiting.remove(proven)
        committed = proven.moved(Delivery.COMMITTED, now=now, turn_id=draft.turn_id, reason="")
        changed.append(committed)
        marked = replace(
            draft,
            sender=proven.sender,
            tags=(*draft.tags, *proven.tags),
            data={**draft.data, "message_id": proven.message_id},
        )
        stored += [marked, announce(committed, now)]
    return Settled(tuple(stored), tuple(changed))


def _proven(draft: Draft, waiting: Sequence[Receipt]) -> Receipt | None:
    if draft.type != Event.USER_MESSAGE:
        return None
    client_id = draft.data.get("client_id")
    ours = next((r for r in waiting if r.message_id == client_id), None)
    typed = (r for r in waiting if r.route is Route.TMUX and r.text == draft.text)
    return ours or next(typed, None)


def end_without(receipt: Receipt, told: Sequence[Draft]) -> tuple[Delivery, str]:
    """What became of a message that codex took into a turn which is over, and which never showed it.

    `told` is all of the turn. Certain is only what codex itself told of a turn that another message had
    begun; whatever else there is, the message is unknown.
    """
    begun = any(draft.type == Event.USER_MESSAGE for draft in told)
    interrupted = any(
        draft.type == Event.TURN_COMPLETED
        and draft.data.get("status") == "interrupted"
        and not _SECOND_HAND.intersection(draft.tags)
        for draft in told
    )
    if receipt.mode is Mode.STEER and begun and interrupted:
        return Delivery.FAILED, DROPPED
    return Delivery.UNKNOWN, NOT_IN_TURN
