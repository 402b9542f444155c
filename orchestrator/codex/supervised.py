"""What the supervisor says of itself, in the same recording, as events."""

from orchestrator.codex.payload import listed, present, text, whole
from orchestrator.codex.said import Said
from orchestrator.codex.turns import status_of
from orchestrator.core.envelope import Draft, timestamp
from orchestrator.core.events import Event

#: The methods of the supervisor's own lines begin so.
PREFIX = "supervisor/"

_LAST = 253_402_300_799_999_999


def supervised(said: Said) -> Draft:
    """A gap, a tampering, or any other of its lines with all that it carries."""
    match said.line.method.removeprefix(PREFIX):
        case "gap":
            return _gap(said)
        case "tampered":
            return _tampered(said)
        case name:
            return _other(said, name)


def _gap(said: Said) -> Draft:
    times = {key: whole(said.params, key) for key in ("since", "until")}
    known = {key: timestamp(value) for key, value in times.items() if value and 0 < value <= _LAST}
    data = {**known, "lost": listed(said.params, "lost")}
    return said.draft(Event.GAP, text(said.params, "why"), data=data)


def _tampered(said: Said) -> Draft:
    data = present(said.params, "pid")
    return said.draft(Event.TAMPERED, text(said.params, "what"), data=data, requires_operator=True)


def _other(said: Said, name: str) -> Draft:
    rest = {key: value for key, value in said.params.items() if key not in {"threadId", "status"}}
    thread = {"thread_id": said.thread_id} if said.thread_id else {}
    status = status_of(said.params["status"]) if "status" in said.params else {}
    why = text(said.params, "why")
    return said.draft(
        Event.SUPERVISOR,
        f"{name}: {why}" if why else name,
        data={**rest, **thread, **status, "method": name},
    )
