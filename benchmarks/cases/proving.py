"""How long after codex was given a message its record shows it as one, by route."""

import time
from datetime import datetime

from benchmarks.figures import Row, milliseconds
from benchmarks.stage import Stage
from orchestrator.client import send_message, stream_logs
from orchestrator.client.answers import EnvelopeView

GIVEN = {"tmux": "message_written", "app-server": "message_accepted"}


def measure(stage: Stage) -> list[Row]:
    """From the events of the session itself: typed ones from `written` on, as nobody accepts those."""
    view = stage.launch("prover")
    found: dict[str, list[float]] = {route: [] for route in GIVEN}
    for number in range(stage.times(40)):
        for route, taken in found.items():
            stage.idle(view)
            taken.append(_one(stage, view["session_id"], route, number))
    stage.remove(view)
    direct = milliseconds(found["app-server"])
    return [
        Row(what="accepted → committed through the app-server", ours=direct),
        Row(
            what="written → committed by typing",
            ours=milliseconds(found["tmux"]),
            against="through the app-server",
            baseline=direct,
        ),
    ]


def _one(stage: Stage, session_id: str, route: str, number: int) -> float:
    """A screen that has only just been drawn is not typed on, so `auto` is asked until it types."""
    wish = "auto" if route == "tmux" else route
    client = stage.client
    while True:
        receipt = send_message(session_id, f"{route} {number}", route=wish, wait="committed", client=client)
        if receipt["state"] != "committed":
            raise RuntimeError(f"the message is {receipt['state']}: {receipt['reason']}")
        if receipt["route"] == route:
            break
        time.sleep(0.2)
    told = _told(stage, session_id, receipt["message_id"])
    return _at(told["message_committed"]) - _at(told[GIVEN[route]])


def _told(stage: Stage, session_id: str, message_id: str) -> dict[str, EnvelopeView]:
    history = stream_logs(session_id, follow=False, client=stage.client)
    return {e["type"]: e for e in history if e["data"].get("message_id") == message_id}


def _at(envelope: EnvelopeView) -> float:
    return datetime.fromisoformat(envelope["timestamp"]).timestamp()
