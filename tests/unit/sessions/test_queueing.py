"""Which message goes next, and when."""

from orchestrator.core.activity import Activity, State
from orchestrator.core.receipt import Delivery, Mode, Receipt
from orchestrator.sessions.queueing import behind_answer, free_now, held_up, next_step

IDLE = State(activity=Activity.IDLE)
WORKING = State(activity=Activity.WORKING, turn_id="t1")


def message(name: str, mode: Mode = Mode.QUEUE, state: Delivery = Delivery.QUEUED) -> Receipt:
    return Receipt(message_id=name, session_id="s", sender="me", text=name, mode=mode, state=state)


def chosen(outbox: list[Receipt], state: State) -> str | None:
    step = next_step(outbox, state)
    return step.receipt.message_id if step else None


def test_queued_messages_go_in_their_order_when_the_session_is_idle() -> None:
    """First come, first served."""
    assert chosen([message("a"), message("b")], IDLE) == "a"


def test_nothing_queued_goes_while_a_turn_runs() -> None:
    """The default waits for the turn's end."""
    assert chosen([message("a")], WORKING) is None


def test_nothing_goes_while_another_is_on_its_way() -> None:
    """One writer a session: a message is proven before the next is written."""
    for state in (Delivery.WRITTEN, Delivery.ACCEPTED):
        assert chosen([message("a", state=state), message("b")], IDLE) is None


def test_an_unknown_message_holds_up_nobody() -> None:
    """It is settled by the recorder's word, or never."""
    assert chosen([message("a", state=Delivery.UNKNOWN), message("b")], IDLE) == "b"


def test_a_steering_message_goes_into_the_running_turn_before_queued_ones() -> None:
    """And is a plain message when nothing runs."""
    outbox = [message("a"), message("s", Mode.STEER)]
    step = next_step(outbox, WORKING)
    assert step is not None
    assert (step.receipt.message_id, step.steer, step.interrupt) == ("s", True, False)
    idle = next_step(outbox, IDLE)
    assert idle is not None
    assert (idle.receipt.message_id, idle.steer) == ("s", False)


def test_an_interrupting_message_stops_the_turn_first() -> None:
    """It goes before the queue, too."""
    step = next_step([message("a"), message("i", Mode.INTERRUPT)], WORKING)
    assert step is not None
    assert (step.receipt.message_id, step.interrupt) == ("i", True)


def test_nothing_urgent_goes_before_the_turn_has_an_id() -> None:
    """A turn that has only just begun can neither be steered nor interrupted."""
    assert next_step([message("s", Mode.STEER)], State(activity=Activity.WORKING)) is None


def test_nothing_goes_into_a_session_that_starts_or_has_stopped() -> None:
    """Its messages wait."""
    for activity in (Activity.STARTING, Activity.STOPPED):
        assert chosen([message("a"), message("s", Mode.STEER)], State(activity=activity)) is None


def test_if_idle_asks_for_an_idle_session_with_an_empty_queue() -> None:
    """A message that would have to wait is refused at the door."""
    assert free_now([], IDLE)
    assert free_now([message("x", state=Delivery.UNKNOWN)], IDLE)
    assert not free_now([], WORKING)
    assert not free_now([message("a")], IDLE)


def test_an_accepted_steer_holds_no_interrupting_message_up_while_a_person_is_asked() -> None:
    """Codex would show it only after the answer; without such a message, or a question, it is waited for."""
    steer = message("s", Mode.STEER, Delivery.ACCEPTED)
    interrupt = message("i", Mode.INTERRUPT)
    asking = State(activity=Activity.WAITING_PERMISSION, turn_id="t1")
    assert held_up("s", [steer, interrupt], asking)
    assert not held_up("s", [steer, message("a")], asking)
    assert not held_up("s", [steer, interrupt], WORKING)
    assert not held_up("s", [message("s", Mode.STEER, Delivery.WRITTEN), interrupt], asking)


def test_only_an_accepted_steer_waits_for_a_persons_answer() -> None:
    """Not one that codex has not taken yet, not another kind, and not while codex works."""
    steer = message("s", Mode.STEER, Delivery.ACCEPTED)
    for activity in (Activity.WAITING_PERMISSION, Activity.WAITING_INPUT):
        asking = State(activity=activity, turn_id="t1")
        assert behind_answer("s", [steer], asking)
        assert not behind_answer("other", [steer], asking)
        assert not behind_answer("s", [message("s", Mode.STEER, Delivery.WRITTEN)], asking)
        assert not behind_answer("s", [message("s", Mode.QUEUE, Delivery.ACCEPTED)], asking)
    assert not behind_answer("s", [steer], WORKING)
