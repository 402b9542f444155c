"""Which messages the recorder's word proves."""

from orchestrator.core.envelope import Direction, Draft
from orchestrator.core.events import Event
from orchestrator.core.receipt import Delivery, Receipt, Route
from orchestrator.sessions.settle import settle


def said(text: str, client_id: str = "", turn: str = "t1") -> Draft:
    data = {"client_id": client_id} if client_id else {}
    return Draft(
        timestamp="t", type=Event.USER_MESSAGE, direction=Direction.IN, text=text, turn_id=turn, data=data
    )


def sent(name: str, text: str, route: Route, state: Delivery = Delivery.WRITTEN) -> Receipt:
    return Receipt(
        message_id=name, session_id="s", sender="lead", text=text, route=route, state=state, tags=("x",)
    )


def test_a_client_id_proves_its_message() -> None:
    """And the user message learns who sent it."""
    done = settle([said("hi", "m1")], [sent("m1", "hi", Route.APP_SERVER)], "now")
    assert [(r.message_id, r.state, r.turn_id) for r in done.receipts] == [("m1", Delivery.COMMITTED, "t1")]
    assert [d.type for d in done.drafts] == [Event.USER_MESSAGE, Event.MESSAGE_COMMITTED]
    assert (done.drafts[0].sender, done.drafts[0].tags, done.drafts[0].data["message_id"]) == (
        "lead",
        ("x",),
        "m1",
    )


def test_a_typed_message_is_proven_by_its_text_once() -> None:
    """Of two equal texts on their way each user message proves one, in order."""
    outbox = [sent("a", "go", Route.TMUX), sent("b", "go", Route.TMUX, Delivery.UNKNOWN)]
    first = settle([said("go")], outbox, "now")
    assert [r.message_id for r in first.receipts] == ["a"]
    both = settle([said("go"), said("go", turn="t2")], outbox, "now")
    assert [(r.message_id, r.turn_id) for r in both.receipts] == [("a", "t1"), ("b", "t2")]


def test_what_a_person_typed_proves_nothing_of_ours() -> None:
    """A message that is still queued cannot have arrived; another text is another message."""
    outbox = [sent("q", "hi", Route.TMUX, Delivery.QUEUED), sent("m", "other", Route.TMUX)]
    done = settle([said("hi")], outbox, "now")
    assert done.receipts == ()
    assert done.drafts == (said("hi"),)


def test_codex_s_screen_gives_typed_messages_ids_of_its_own() -> None:
    """A typed message is known by its text, whatever id the screen made for it."""
    assert settle([said("go", "a-uuid")], [sent("a", "go", Route.TMUX)], "now").receipts[0].message_id == "a"


def test_a_client_id_of_ours_is_stronger_than_an_equal_text() -> None:
    """An unknown typed message does not take the proof of one that names itself."""
    outbox = [sent("typed", "go", Route.TMUX), sent("named", "go", Route.APP_SERVER)]
    assert [r.message_id for r in settle([said("go", "named")], outbox, "now").receipts] == ["named"]


def test_an_equal_text_by_the_app_server_needs_its_id() -> None:
    """What went with an id is proven by that id alone."""
    assert settle([said("go", "zzz")], [sent("a", "go", Route.APP_SERVER)], "now").receipts == ()


def test_a_message_on_its_way_is_proven_before_an_older_unknown_one() -> None:
    """An unknown message of an hour ago must not take the proof of the one that was just typed."""
    outbox = [sent("old", "go", Route.TMUX, Delivery.UNKNOWN), sent("new", "go", Route.TMUX)]
    assert [r.message_id for r in settle([said("go")], outbox, "now").receipts] == ["new"]
