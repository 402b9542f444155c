"""Waiting for messages and following streams, across answers that end early and daemons that die."""

import json
from typing import Any

import pytest

from orchestrator.client import Client, send_message, snapshot_transcript, stream_logs, waiting
from orchestrator.client.waiting import await_receipt, follow, is_over
from orchestrator.core.errors import ConnectionLost, DaemonVersionMismatch
from orchestrator.core.receipt import Delivery
from orchestrator.testing.wire import Say, Scripted, answer, chunks, hang_up

TIMED_OUT = answer(b'{"error": {"code": "timed_out", "message": "later", "hint": ""}}', 504)


def receipt(state: str, **more: Any) -> Any:
    return {"message_id": "m1", "session_id": "s1", "state": state, **more}


def told(state: str, **more: Any) -> Say:
    return answer(json.dumps(receipt(state, **more)).encode())


def events(*seqs: int, whole: bool = True) -> Say:
    return chunks(*(b'{"seq": %d}\n' % seq for seq in seqs), whole=whole)


@pytest.mark.parametrize("state", list(Delivery))
def test_a_settled_wait_ends_in_every_state_but_the_two_in_flight(state: Delivery) -> None:
    """Queued behind a turn is settled; written or accepted is not."""
    assert is_over(receipt(state), "settled") is (state not in {Delivery.WRITTEN, Delivery.ACCEPTED})


@pytest.mark.parametrize("state", list(Delivery))
def test_a_committed_wait_ends_only_with_a_verdict_or_a_doubt(state: Delivery) -> None:
    """A queued message is waited for."""
    over = {Delivery.COMMITTED, Delivery.FAILED, Delivery.UNKNOWN}
    assert is_over(receipt(state), "committed") is (state in over)


def test_a_turn_is_over_when_the_receipt_has_one() -> None:
    """Committed is not yet answered."""
    assert not is_over(receipt("committed"), "turn")
    assert is_over(receipt("committed", turn={}), "turn")
    assert is_over(receipt("failed"), "turn")


def test_waiting_for_nothing_asks_nothing(client: Client, scripted: Scripted) -> None:
    """`--no-wait` returns what the daemon said first."""
    assert await_receipt(client, receipt("queued"), wait="none", seconds=None)["state"] == "queued"
    assert scripted.asked == []


def test_a_settled_wait_asks_at_least_once(client: Client, scripted: Scripted) -> None:
    """The first receipt says `queued` before anybody has looked at the session."""
    scripted.will(told("committed"))
    assert await_receipt(client, receipt("queued"), wait="settled", seconds=9)["state"] == "committed"
    assert "wait=settled" in scripted.asked[0][1]


def test_a_long_wait_goes_on_when_one_question_runs_out(client: Client, scripted: Scripted) -> None:
    """The daemon's time limit for one question is not the caller's; between them the caller may look."""
    seen: list[str] = []
    scripted.will(TIMED_OUT, told("accepted"), told("committed"))
    found = await_receipt(
        client,
        receipt("queued"),
        wait="committed",
        seconds=None,
        between=lambda each: seen.append(each["state"]),
    )
    assert (found["state"], seen) == ("committed", ["accepted"])


def test_a_wait_survives_a_daemon_that_dies(client: Client, scripted: Scripted) -> None:
    """A receipt outlives its daemon; asking again sends nothing again."""
    scripted.will(hang_up, told("written"), told("committed"))
    assert await_receipt(client, receipt("queued"), wait="committed", seconds=None)["state"] == "committed"
    assert {method for method, *_ in scripted.asked} == {"GET"}


def test_a_wait_that_is_over_says_how_far_it_came(client: Client, scripted: Scripted) -> None:
    """Running out of time is no error here: the receipt tells."""
    assert await_receipt(client, receipt("written"), wait="committed", seconds=0)["state"] == "written"
    assert scripted.asked == []


def test_following_goes_on_from_the_last_seq_after_a_break(client: Client, scripted: Scripted) -> None:
    """Each envelope comes once, whichever daemon served it."""
    scripted.will(events(1, 2, whole=False), events(3))
    assert [view["seq"] for view in follow(client, "s1")] == [1, 2, 3]
    assert [path.partition("?")[2] for _, path, *_ in scripted.asked] == [
        "since_seq=0&follow=true",
        "since_seq=2&follow=true",
    ]


def test_a_follower_whose_daemon_stays_away_gets_its_cursor(
    client: Client, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Following starts no daemon: it says where to go on."""
    monkeypatch.setattr(waiting, "RETURN_SECONDS", -1)
    scripted.will(events(1, 2, whole=False))
    stream = follow(client, "s1")
    assert [next(stream)["seq"], next(stream)["seq"]] == [1, 2]
    scripted.path.unlink()
    with pytest.raises(ConnectionLost) as caught:
        next(stream)
    assert "--since-seq 2" in caught.value.hint


def test_history_is_read_page_by_page(client: Client, scripted: Scripted) -> None:
    """Without `follow` the stream ends at the newest event."""
    pages: list[dict[str, Any]] = [
        {"events": [{"seq": 1}, {"seq": 2}], "next_seq": 2, "oldest_seq": 1},
        {"events": [{"seq": 3}], "next_seq": 3, "oldest_seq": 1},
        {"events": [], "next_seq": 3, "oldest_seq": 1},
    ]
    scripted.will(*(answer(json.dumps(page).encode()) for page in pages))
    assert [view["seq"] for view in stream_logs("s1", follow=False, client=client)] == [1, 2, 3]
    assert [path.split("since_seq=")[1].split("&")[0] for _, path, *_ in scripted.asked] == ["0", "2", "3"]


def test_send_message_sends_once_and_waits(client: Client, scripted: Scripted) -> None:
    """The one-call form of a send."""
    scripted.will(told("queued"), told("committed", turn={"answer": "yes"}))
    found = send_message("s 1", "hi", wait="turn", client=client)
    assert found["turn"]["answer"] == "yes"
    assert [(method, path.partition("?")[0]) for method, path, *_ in scripted.asked] == [
        ("POST", "/v1/sessions/s%201/input"),
        ("GET", "/v1/receipts/m1"),
    ]


def test_snapshot_transcript_asks_for_what_is_wanted(client: Client, scripted: Scripted) -> None:
    """What is not given is the daemon's default."""
    scripted.will(answer(b"{}"))
    snapshot_transcript("s1", full=True, client=client)
    assert scripted.asked[0][1] == "/v1/sessions/s1/snapshot?full=true"


def test_a_daemon_of_another_version_can_still_be_stopped(client: Client, scripted: Scripted) -> None:
    """The order to stop is given in the daemon's own version; nothing else is."""
    from orchestrator.daemon.home import DaemonRecord, record_path

    record = DaemonRecord(pid=1, version="9.9", socket=str(scripted.path), started_at="", project_id="")
    record_path(client.home).parent.mkdir(parents=True, exist_ok=True)
    record_path(client.home).write_text(record.to_json())
    scripted.will(answer(b"{}", version="9.9"), answer(b"[]", version="9.9"))
    client.stop_daemon()
    assert scripted.asked[0][2]["X-Orchestrator-Version"] == "9.9"
    with pytest.raises(DaemonVersionMismatch):
        client.sessions()
