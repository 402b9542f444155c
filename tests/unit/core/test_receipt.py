"""The states of a message and what may follow what."""

from itertools import product

import pytest

from orchestrator.core.receipt import Delivery, Receipt, Route

POSSIBLE = {
    ("queued", "written"),
    ("queued", "failed"),
    ("written", "accepted"),
    ("written", "committed"),
    ("written", "failed"),
    ("written", "unknown"),
    ("accepted", "committed"),
    ("accepted", "failed"),
    ("accepted", "unknown"),
    ("unknown", "committed"),
    ("unknown", "failed"),
}
ONE = Receipt(message_id="m", session_id="s", sender="me", text="hi")


@pytest.mark.parametrize(("before", "after"), list(product(Delivery, Delivery)))
def test_a_message_moves_only_along_the_table(before: Delivery, after: Delivery) -> None:
    """Nothing goes back, nothing is sent again, and what is final stays."""
    receipt = Receipt(message_id="m", session_id="s", sender="me", text="hi", state=before)
    if (before.value, after.value) in POSSIBLE:
        assert receipt.moved(after, now="t").state is after
    else:
        with pytest.raises(ValueError, match="cannot go"):
            receipt.moved(after, now="t")


def test_a_step_carries_what_was_learned_and_when() -> None:
    """Route, turn and time come with the state."""
    written = ONE.moved(Delivery.WRITTEN, now="t1", route=Route.TMUX)
    assert (written.route, written.updated_at, written.created_at) == (Route.TMUX, "t1", "")
