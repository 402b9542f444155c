"""A person's new thread is followed, and what nobody heard is back-filled."""

from typing import Any

import pytest

from orchestrator.core import places
from orchestrator.testing.model.server import ModelServer
from orchestrator.testing.waiting import until
from tests.docker.supervisor.box import LIMIT, Box, Line

pytestmark = [pytest.mark.docker, pytest.mark.agent]


def of(box: Box, method: str, source: str = "") -> list[dict[str, Any]]:
    return [line for line in box.lines() if line["m"].get("method") == method and source in ("", line["src"])]


async def test_a_new_thread_of_a_persons_is_followed(box: Box) -> None:
    """`/new` in the screen: thread.json names it, its first words are live, a new screen shows it."""
    await box.up()
    await box.turn("the old one")
    old, target = box.thread_id(), places.tmux_target(box.session_id)
    await box.until_on_screen("You said: the old one")
    box.tmux("send-keys", "-t", target, "-l", "/new")
    box.tmux("send-keys", "-t", target, "Enter")
    followed = await box.line(lambda line: line["m"].get("params", {}).get("how") == "followed")
    new = followed["m"]["params"]["threadId"]
    assert new != old
    assert box.thread_id() == new
    await box.method("supervisor/subscribed", after=followed["n"])
    box.tmux("send-keys", "-t", target, "-l", "the new one")
    box.tmux("send-keys", "-t", target, "Enter")
    said = await box.line(lambda line: "the new one" in str(line["m"].get("params", {}).get("item")))
    assert (said["m"]["params"]["threadId"], said["src"]) == (new, "live")
    ended = await box.method("turn/completed", after=said["n"])
    box.kill(box.pane_pid())
    await box.line(lambda line: line["m"].get("params", {}).get("part") == "tui", after=ended["n"])
    await box.until_on_screen("You said: the new one")
    after = box.last()
    await box.stop("running")
    box.container.start()
    await box.ready(after)
    assert box.thread_id() == new


async def test_a_turn_that_ran_while_the_recorder_was_cut_off_is_back_filled(box: Box) -> None:
    """All of it, once, marked as back-fill, inside a declared gap; deltas are what is lost."""
    await box.up()
    await box.turn("before")
    box.kill(box.supervisor_pid(), "STOP")
    box.cut()
    turn = await box.start_turn("meanwhile")
    link = await box.connect()
    await box.until_idle(link)
    box.kill(box.supervisor_pid(), "CONT")
    await box.method("supervisor/gap")
    ended = await box.method("turn/completed", source="backfill")
    assert ended["m"]["params"]["turn"]["id"] == turn
    items = [line for line in of(box, "item/completed") if line["m"]["params"]["turnId"] == turn]
    assert {line["src"] for line in items} == {"backfill"}
    kinds = [line["m"]["params"]["item"]["type"] for line in items]
    assert kinds == ["userMessage", "reasoning", "agentMessage"]
    assert items[0]["m"]["params"]["item"]["content"][0]["text"] == "meanwhile"
    assert items[-1]["m"]["params"]["item"]["text"] == "You said: meanwhile"
    assert len([x for x in of(box, "turn/started") if x["m"]["params"]["turn"]["id"] == turn]) == 1
    await box.turn("after")
    assert of(box, "turn/completed")[-1]["src"] == "live"


async def test_a_turn_that_goes_on_over_a_lost_connection_is_recorded_once(
    box: Box, model: ModelServer
) -> None:
    """Begun before, ended after: one start, one end, both live, and nothing is called interrupted."""
    model.play({"default": [[{"say": "half", "phase": "commentary"}, {"wait": "go"}, {"say": "whole"}]]})
    await box.up()
    turn = await box.start_turn("long")
    half = await box.line(lambda line: "half" in str(line["m"]) and line["m"]["method"] == "item/completed")
    box.cut()
    await box.ready(half["n"])
    model.memory.gates.open("go")
    ended = await box.method("turn/completed")
    assert (ended["src"], ended["m"]["params"]["turn"]["status"]) == ("live", "completed")
    starts = [line["src"] for line in of(box, "turn/started") if line["m"]["params"]["turn"]["id"] == turn]
    assert starts == ["live"]
    items = [line["m"]["params"]["item"]["id"] for line in of(box, "item/completed")]
    assert len(items) == len(set(items)) == 3
    assert of(box, "supervisor/disconnected")
    assert len(of(box, "supervisor/gap")) == 1


async def test_a_history_without_its_log_is_back_filled_whole(box: Box) -> None:
    """A log that was lost with thread.json still there is written again from what codex kept."""
    await box.up()
    await box.turn("one")
    await box.turn("two")
    await box.stop("running")
    box.lose_recording()
    box.container.start()
    await box.ready()
    texts = [line["m"]["params"]["item"].get("text") for line in of(box, "item/completed", "backfill")]
    assert [text for text in texts if text] == ["You said: one", "You said: two"]


KID = {"task_name": "kid", "message": "go", "fork_turns": "none"}
DELEGATE = {
    "rules": [
        {
            "when": "/^delegate/",
            "steps": [
                [{"call": "spawn_agent", "namespace": "collaboration", "args": KID}],
                [{"wait": "parent"}, {"say": "Delegated."}],
            ],
        }
    ],
    "default": [
        [{"say": "begun", "phase": "commentary"}, {"wait": "one"}, {"shell": "echo from the kid"}],
        [{"wait": "two"}, {"say": "The kid is done."}],
    ],
}


def items_of(box: Box, thread: str) -> list[tuple[str, str]]:
    """A thread's finished items: what each is, and who wrote it."""
    found = [line for line in of(box, "item/completed") if line["m"]["params"]["threadId"] == thread]
    return [(line["m"]["params"]["item"]["type"], line["src"]) for line in found]


async def delegated(box: Box, model: ModelServer) -> Line:
    """The first item that a sub-agent has finished; it is still at work, and its parent waits."""
    model.play(DELEGATE)
    await box.up()
    await box.start_turn("delegate it")
    return await box.line(lambda line: line["m"]["method"] == "item/completed" and "begun" in str(line["m"]))


async def test_a_sub_agent_at_work_is_recorded_once_over_a_lost_connection(
    box: Box, model: ModelServer
) -> None:
    """What it did before, meanwhile and afterwards, each once; afterwards is heard live again."""
    begun = await delegated(box, model)
    kid = begun["m"]["params"]["threadId"]
    assert kid != box.thread_id()
    box.kill(box.supervisor_pid(), "STOP")
    box.cut()
    model.memory.gates.open("one")
    await until(lambda: model.memory.health()["waiting"] == ["parent", "two"], LIMIT)
    box.kill(box.supervisor_pid(), "CONT")
    await box.ready(begun["n"])
    model.memory.gates.open("two")
    ended = await box.line(
        lambda line: line["m"]["method"] == "turn/completed" and line["m"]["params"]["threadId"] == kid
    )
    assert (ended["src"], ended["m"]["params"]["turn"]["status"]) == ("live", "completed")
    model.memory.gates.open("parent")
    await box.line(
        lambda line: (
            line["m"]["method"] == "turn/completed" and line["m"]["params"]["threadId"] == box.thread_id()
        )
    )
    kinds = [one for one in items_of(box, kid) if one[0] in {"agentMessage", "commandExecution"}]
    assert kinds == [("agentMessage", "live"), ("commandExecution", "backfill"), ("agentMessage", "live")]
    named = [line["m"]["params"]["item"]["id"] for line in of(box, "item/completed")]
    assert len(named) == len(set(named))
    starts = [line["m"]["params"]["turn"]["id"] for line in of(box, "turn/started")]
    assert len(starts) == len(set(starts))


async def test_a_sub_agent_of_an_app_server_that_was_killed_is_ended_once_and_the_next_is_heard(
    box: Box, model: ModelServer
) -> None:
    """Its turn is over with the process; a sub-agent of the new one is recorded live."""
    begun = await delegated(box, model)
    kid = begun["m"]["params"]["threadId"]
    box.kill(box.status()["app_server_pid"])
    await box.ready(begun["n"])
    ends = [line for line in of(box, "turn/completed") if line["m"]["params"]["threadId"] == kid]
    assert [end["m"]["params"]["turn"]["status"] for end in ends] == ["interrupted"]
    assert [one for one in items_of(box, kid) if one[0] == "agentMessage"] == [("agentMessage", "live")]
    for gate in ("one", "two", "parent"):
        model.memory.gates.open(gate)
    after = box.last()
    again = {**KID, "task_name": "second"}
    spawn = {"call": "spawn_agent", "namespace": "collaboration", "args": again}
    rules = [{"when": "/^delegate/", "steps": [[spawn], [{"say": "Delegated."}]]}]
    model.play({"rules": rules, "default": [[{"say": "The second is done."}]]})
    await box.start_turn("delegate again")
    said = await box.line(
        lambda line: line["m"]["method"] == "item/completed" and "The second is done." in str(line["m"]),
        after=after,
    )
    assert said["src"] == "live"
    assert said["m"]["params"]["threadId"] not in {kid, box.thread_id()}
