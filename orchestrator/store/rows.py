"""Receipts and envelopes as the columns that hold them: JSON text and back."""

import json
from dataclasses import asdict
from typing import Any

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
