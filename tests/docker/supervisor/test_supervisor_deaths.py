"""Each part is killed in the middle of a turn; the session goes on and the log says what happened."""

from typing import Any

import pytest

from orchestrator.testing.model.server import ModelServer
from tests.docker.supervisor.box import Box

pytestmark = [pytest.mark.docker, pytest.mark.agent]

WORK = {
    "rules": [
        {"when": "work", "steps": [[{"shell": "echo begun; sleep 100"}], [{"say": "never said"}]]},
        {
            "when": "gate",
            "steps": [[{"say": "half", "phase": "commentary"}, {"wait": "go"}, {"say": "whole"}]],
        },
    ]
}


def of(box: Box, method: str, **wanted: Any) -> list[dict[str, Any]]:
    found = [line for line in box.lines() if line["m"].get("method") == method]
    return [line for line in found if all(line["m"]["params"].get(k) == v for k, v in wanted.items())]


def turn_ends(box: Box, turn: str) -> list[dict[str, Any]]:
    return [line for line in of(box, "turn/completed") if line["m"]["params"]["turn"]["id"] == turn]


async def begun(box: Box, text: str) -> str:
    """A turn that is under way: its id."""
    turn: str = await box.start_turn(text)
    await box.line(
        lambda line: line["m"].get("method") == "item/started" and turn == line["m"]["params"]["turnId"]
    )
    await box.line(
        lambda line: (
            line["m"].get("method") in ("item/commandExecution/outputDelta", "item/completed")
            and line["m"]["params"]["turnId"] == turn
        )
    )
    return turn


async def goes_on(box: Box) -> None:
    """Whatever happened, a new turn works and is recorded whole, on the same thread, and is on the screen."""
    await box.turn("still with us")
    await box.line(lambda line: "You said: still with us" in str(line["m"]) and line["src"] == "live")
    await box.until_on_screen("You said: still with us")


async def test_the_app_server_killed_in_a_turn(box: Box, model: ModelServer) -> None:
    """It comes back, the turn is ended as interrupted exactly once, inside a declared gap."""
    model.play(WORK)
    await box.up()
    turn = await begun(box, "work")
    after = box.last()
    box.kill(box.status()["app_server_pid"])
    await box.ready(after)
    ends = turn_ends(box, turn)
    assert [end["m"]["params"]["turn"]["status"] for end in ends] == ["interrupted"]
    assert of(box, "supervisor/restarted", part="app-server")
    assert len(of(box, "supervisor/gap")) == 1
    await goes_on(box)


async def test_the_screen_killed_in_a_turn(box: Box, model: ModelServer) -> None:
    """The turn does not notice; the screen is drawn again with the history; its log goes on."""
    model.play(WORK)
    await box.up()
    turn = await begun(box, "gate")
    after, size = box.last(), box.pane_log.stat().st_size
    box.kill(box.pane_pid())
    await box.line(lambda line: line["m"].get("params", {}).get("part") == "tui", after=after)
    model.memory.gates.open("go")
    await box.line(lambda line: line["m"].get("method") == "turn/completed", after=after)
    assert turn_ends(box, turn)[0]["m"]["params"]["turn"]["status"] == "completed"
    await goes_on(box)
    assert box.pane_log.stat().st_size > size


async def test_tmux_killed_in_a_turn(box: Box, model: ModelServer) -> None:
    """A new server with the same session; status.json names the new one."""
    model.play(WORK)
    await box.up()
    await begun(box, "gate")
    after, server = box.last(), box.status()["tmux"]
    box.kill(server.split()[0])
    await box.line(lambda line: line["m"].get("params", {}).get("part") == "tmux", after=after)
    model.memory.gates.open("go")
    await box.line(lambda line: line["m"].get("method") == "turn/completed", after=after)
    await goes_on(box)
    assert box.status()["tmux"] != server


async def test_the_pipe_of_the_pane_killed(box: Box, model: ModelServer) -> None:
    """The pane is written into log.txt again."""
    await box.up()
    after = box.last()
    box.kill(box.exec("pgrep", "-x", "cat", user="root")[1].split()[0])
    await box.line(lambda line: line["m"].get("params", {}).get("part") == "pipe", after=after)
    await goes_on(box)
    assert b"still with us" in box.pane_log.read_bytes()


async def test_the_supervisor_killed_in_a_turn(box: Box, model: ModelServer) -> None:
    """The engine starts the container again; the turn is closed once, the thread is the same."""
    model.play(WORK)
    box.restart = True
    await box.up()
    turn, thread = await begun(box, "work"), box.thread_id()
    after = box.last()
    box.kill(box.supervisor_pid())
    await box.ready(after)
    assert box.exec("pgrep", "-f", "sleep 100")[1] == "", "nothing of the agent's outlives it"
    assert box.thread_id() == thread
    assert [end["m"]["params"]["turn"]["status"] for end in turn_ends(box, turn)] == ["interrupted"]
    gap = of(box, "supervisor/gap")[-1]["m"]["params"]
    assert gap["since"] < gap["until"]
    assert [line["n"] for line in box.lines()] == list(range(1, box.last() + 1))
    await goes_on(box)


async def test_a_torn_last_line_is_cut_off(box: Box) -> None:
    """What was written in part is gone, and the numbers go on without a hole."""
    await box.up()
    await box.turn("hello")
    await box.stop("running")
    whole = box.last()
    with (box.private / "codex.ndjson").open("ab") as file:
        file.write(b'{"v":1,"n":9999,"t":1,"src":"live","m":{"meth')
    box.container.start()
    await box.ready(whole)
    assert [line["n"] for line in box.lines()] == list(range(1, box.last() + 1))
    assert (
        len(
            [
                line
                for line in box.lines()
                if "You said: hello" in str(line) and line["m"]["method"] == "item/completed"
            ]
        )
        == 1
    )
