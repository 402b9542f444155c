"""A message on its way in: how it may travel, where it is, and what may happen to it next."""

from dataclasses import dataclass, replace
from enum import StrEnum


class Mode(StrEnum):
    """What to do with a message while a turn runs."""

    QUEUE = "queue"
    STEER = "steer"
    INTERRUPT = "interrupt"
    IF_IDLE = "if-idle"


class Route(StrEnum):
    """How a message enters codex; `auto` is a wish and never stands in a written receipt."""

    AUTO = "auto"
    TMUX = "tmux"
    APP_SERVER = "app-server"


class Delivery(StrEnum):
    """Where a message is. `unknown` is honest: it may have arrived, and is never sent again."""

    QUEUED = "queued"
    WRITTEN = "written"
    ACCEPTED = "accepted"
    COMMITTED = "committed"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def final(self) -> bool:
        return self in {Delivery.COMMITTED, Delivery.FAILED}


#: What may follow what. `unknown` can still be settled by the recorder's word.
FOLLOWS: dict[Delivery, frozenset[Delivery]] = {
    Delivery.QUEUED: frozenset({Delivery.WRITTEN, Delivery.FAILED}),
    Delivery.WRITTEN: frozenset({Delivery.ACCEPTED, Delivery.COMMITTED, Delivery.FAILED, Delivery.UNKNOWN}),
    Delivery.ACCEPTED: frozenset({Delivery.COMMITTED, Delivery.FAILED, Delivery.UNKNOWN}),
    Delivery.UNKNOWN: frozenset({Delivery.COMMITTED, Delivery.FAILED}),
    Delivery.COMMITTED: frozenset(),
    Delivery.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One message of the outbox. `position` orders the queue of a session."""

    message_id: str
    session_id: str
    position: int = 0
    sender: str
    text: str
    tags: tuple[str, ...] = ()
    mode: Mode = Mode.QUEUE
    wish: Route = Route.AUTO
    route: Route | None = None
    state: Delivery = Delivery.QUEUED
    turn_id: str = ""
    reason: str = ""
    created_at: str = ""
    updated_at: str = ""

    def moved(self, state: Delivery, *, now: str, **changes: str | Route | None) -> "Receipt":
        """The receipt one step on; ValueError where that step cannot be."""
        if state not in FOLLOWS[self.state]:
            raise ValueError(f"a message cannot go from {self.state} to {state}")
        return replace(self, state=state, updated_at=now, **changes)  # type: ignore[arg-type]  # fields by name
