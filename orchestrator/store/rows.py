"""Receipts and envelopes as the columns that hold them: JSON text and back."""

import json
from dataclasses import asdict
from typing import Any

from orchestrator.core.envelope import Envelope
from orchestrator.core.receipt import Delivery, Mode, Receipt, Route


def envelope_text(envelope: Envelope) -> str:
    return (
        json.dumps(envelope.to_json(), ensure_ascii=False, separators=(",", ":"))
        .encode("utf-8", "replace")
        .decode()
    )


def envelope_from(text: str) -> Envelope:
    return Envelope.from_json(json.loads(text))


def receipt_text(receipt: Receipt) -> str:
    return json.dumps(asdict(receipt), ensure_ascii=False).encode("utf-8", "replace").decode()


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
