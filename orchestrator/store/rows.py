"""Receipts, envelopes and states as the columns that hold them: JSON text and back."""

import json
from dataclasses import asdict
from typing import Any

from orchestrator.core.activity import Activity, State
from orchestrator.core.envelope import Envelope
from orchestrator.core.receipt import Delivery, Mode, Receipt, Route


def clean(text: str) -> str:
    """The text without halves of characters, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


def envelope_text(envelope: Envelope) -> str:
    return envelope.to_line().decode().rstrip("\n")


def envelope_from(text: str) -> Envelope:
    return Envelope.from_json(json.loads(text))


def receipt_text(receipt: Receipt) -> str:
    return clean(json.dumps(asdict(receipt), ensure_ascii=False))


def receipt_from(text: str) -> Receipt:
    value: dict[str, Any] = json.loads(text)
    return Receipt(
        **{
            **value,
            "tags": tuple(value["tags"]),
            "mode": Mode(value["mode"]),
            "wish": Route(value["wish"]),
            "route": Route(value["route"]) if value["route"] else None,
            "state": Delivery(value["state"]),
        }
    )


def state_text(state: State) -> str:
    """In ASCII, where halves of characters come back as they were."""
    return json.dumps(asdict(state))


def state_from(text: str) -> State:
    """ValueError, KeyError or TypeError on anything that `state_text` has not written."""
    value: dict[str, Any] = json.loads(text)
    return State(
        activity=Activity(value["activity"]),
        since=value["since"],
        source=value["source"],
        turn_id=value["turn_id"],
        doing=value["doing"],
        pending=tuple((ident, Activity(activity)) for ident, activity in value["pending"]),
    )
