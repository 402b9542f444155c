"""The API as Python: talk to the agents of this data directory.

Importing it is cheap. The functions serve the common case; `Client` has every route.
"""

from collections.abc import Iterator
from typing import cast

from orchestrator.client.answers import EnvelopeView, ReceiptView, SnapshotAnswer
from orchestrator.client.client import Client
from orchestrator.client.waiting import await_receipt, follow

__all__ = ["Client", "send_message", "snapshot_transcript", "stream_logs"]


def send_message(
    session_id: str,
    text: str,
    *,
    sender: str = "api",
    mode: str = "queue",
    route: str = "auto",
    wait: str = "settled",
    seconds: float | None = 60.0,
    client: Client | None = None,
) -> ReceiptView:
    """Send a message and wait: `none`, `settled` (the default), `committed`, or `turn` for its answer.

    The receipt's `state` says how far it came; after a `turn`, its `turn` has the answer.
    """
    client = client or Client.here()
    message = {"text": text, "mode": mode, "route": route, "from": sender, "tags": [], "system": False}
    receipt = cast("ReceiptView", client.send(session_id, message | {"dry_run": False}))
    return await_receipt(client, receipt, wait=wait, seconds=seconds)


def stream_logs(
    session_id: str, *, follow: bool = True, since_seq: int = 0, client: Client | None = None
) -> Iterator[EnvelopeView]:
    """The session's envelopes from after `since_seq`: up to now, or until the session stops."""
    client = client or Client.here()
    return _follow(client, session_id, since_seq) if follow else _history(client, session_id, since_seq)


def snapshot_transcript(
    session_id: str, *, lines: int | None = None, full: bool = False, client: Client | None = None
) -> SnapshotAnswer:
    """What is on the session's screen, and its last envelopes."""
    return (client or Client.here()).snapshot(session_id, lines=lines, full=full)


def _follow(client: Client, session_id: str, since_seq: int) -> Iterator[EnvelopeView]:
    return follow(client, session_id, since_seq=since_seq)


def _history(client: Client, session_id: str, since_seq: int) -> Iterator[EnvelopeView]:
    while (page := client.events(session_id, since_seq=since_seq))["events"]:
        yield from page["events"]
        since_seq = page["next_seq"]
