"""Waiting for a message to arrive, and following a session, across the death of a daemon.

Both only ask again; nothing is sent here. A receipt and a `seq` outlive the daemon that gave them.
"""

import time
from collections.abc import Callable, Iterator

from orchestrator.client.answers import EnvelopeView, ReceiptView
from orchestrator.client.autostart import listens
from orchestrator.client.client import Client
from orchestrator.core.errors import ConnectionLost, DaemonUnreachable, TimedOut
from orchestrator.daemon import home as places

#: One question's share of a long wait; a codex that does not answer is known for it by then.
SLICE_SECONDS = 12.0
#: How long a follower waits for another daemon after its own died.
RETURN_SECONDS = 30.0
POLL_SECONDS = 0.2

#: What each `wait` waits for, as receipt states. A message that waits behind a turn is settled.
WAITED_FOR = {
    "none": frozenset({"queued", "written", "accepted", "committed", "failed", "unknown"}),
    "settled": frozenset({"queued", "committed", "failed", "unknown"}),
    "committed": frozenset({"committed", "failed", "unknown"}),
}


def is_over(receipt: ReceiptView, wait: str) -> bool:
    """Whether there is nothing left to wait for."""
    if wait == "turn":
        return "turn" in receipt or receipt["state"] in {"failed", "unknown"}
    return receipt["state"] in WAITED_FOR[wait]


def await_receipt(
    client: Client,
    receipt: ReceiptView,
    *,
    wait: str,
    seconds: float | None,
    between: Callable[[ReceiptView], None] = lambda _: None,
) -> ReceiptView:
    """The receipt when the wait is over, or as it is when the time is; `between` sees each slice's."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while not (wait == "none" or (wait != "settled" and is_over(receipt, wait))):
        left = SLICE_SECONDS if deadline is None else min(SLICE_SECONDS, deadline - time.monotonic())
        if left <= 0:
            break
        answered = _ask_again(client, receipt, wait, left)
        receipt = answered or client.receipt(receipt["message_id"], wait="none", seconds=0)
        if answered and is_over(receipt, wait):
            break
        between(receipt)
    return receipt


def _ask_again(client: Client, receipt: ReceiptView, wait: str, seconds: float) -> ReceiptView | None:
    """None while there is more to wait for. A daemon that dies meanwhile is started by the next question."""
    try:
        return client.receipt(receipt["message_id"], wait=wait, seconds=seconds)
    except (TimedOut, ConnectionLost, DaemonUnreachable):
        return None


def follow(client: Client, selector: str, *, since_seq: int = 0) -> Iterator[EnvelopeView]:
    """Envelopes until the session stops, each once and in order, whatever daemon serves them.

    Raises:
        ConnectionLost: the daemon died and none came back; the hint has the cursor to go on with.
    """
    seen = since_seq
    while True:
        try:
            for envelope in client.follow_events(selector, since_seq=seen):
                seen = envelope["seq"]
                yield envelope
        except ConnectionLost as lost:
            _await_return(client, lost, seen)
        else:
            return


def _await_return(client: Client, lost: ConnectionLost, seen: int) -> None:
    deadline = time.monotonic() + RETURN_SECONDS
    while not listens(places.listening_at(client.home)):
        if time.monotonic() > deadline:
            raise ConnectionLost(
                "the daemon ended and none came back", hint=f"go on with `--since-seq {seen}`"
            ) from lost
        time.sleep(POLL_SECONDS)
