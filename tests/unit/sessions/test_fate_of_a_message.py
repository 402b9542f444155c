"""Which message it is of which nobody knows whether it arrived, or that did not."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.cli.transcript import render
from orchestrator.core.envelope import Envelope
from orchestrator.core.receipt import Delivery, Mode, Receipt, Route
from orchestrator.sessions.settle import LONGEST_BEGINNING, announce, beginning

TEXT = "  Focus on the token refresh, and leave everything else in the module as it is\nand then\n"


def receipt(state: Delivery) -> Receipt:
    return Receipt(
        message_id="01M7",
        session_id="abc0000000",
        position=1,
        sender="ana",
        text=TEXT,
        tags=(),
        mode=Mode.QUEUE,
        wish=Route.AUTO,
        state=state,
        reason="codex has not shown it",
        created_at="",
        updated_at="",
    )


def readable(state: Delivery) -> list[str]:
    """What `stream` prints of it."""
    told = announce(receipt(state), "2026-01-02T03:04:05.000006Z")
    view = Envelope(seq=1, session_id="abc0000000", role="reviewer", branch="", draft=told).to_json()
    return render(view, lambda text, **_: text).split("\n")


@pytest.mark.parametrize("state", [Delivery.FAILED, Delivery.UNKNOWN])
def test_the_line_names_the_message_and_the_beginning_of_its_text(state: Delivery) -> None:
    """Somebody has to find out what to send once more."""
    head, *body = readable(state)
    assert head.endswith(f"ana: message {state} 01M7")
    assert body == [
        "    Focus on the token refresh, and leave everything else in the…",
        "    codex has not shown it",
    ]


def test_what_codex_shows_is_not_repeated() -> None:
    """Its text stands in the user message."""
    for state in set(Delivery) - {Delivery.FAILED, Delivery.UNKNOWN}:
        assert "beginning" not in announce(receipt(state), "").data


@given(st.text())
@example("x" * (LONGEST_BEGINNING + 1))
def test_a_beginning_is_one_short_line(text: str) -> None:
    """A text that is one is repeated whole."""
    found = beginning(text)
    assert "\n" not in found
    assert len(found) <= LONGEST_BEGINNING + 1
    assert text.strip().startswith(found.removesuffix("…"))
    assert found == text.strip() or found.endswith("…")
