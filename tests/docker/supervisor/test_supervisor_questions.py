"""Codex's questions in the log: asked once, never answered by us, closed when nobody waits any more."""

import pytest

from orchestrator.testing.model.server import ModelServer
from tests.docker.supervisor.box import Box

pytestmark = [pytest.mark.docker, pytest.mark.agent]

ASK = "item/commandExecution/requestApproval"


async def test_a_question_is_recorded_once_and_taken_back_when_the_app_server_dies(
    box: Box, model: ModelServer
) -> None:
    """Codex repeats it to a client that comes back; a dead codex asks nothing."""
    model.play({"default": [[{"approval": "touch /outside", "why": "May I?"}], [{"say": "ok"}]]})
    box.sandbox, box.approval = "workspace-write", "on-request"
    await box.up()
    turn = await box.start_turn("please")
    asked = await box.method(ASK)
    assert asked["m"]["params"]["turnId"] == turn
    box.cut()
    again = await box.method("supervisor/ready", after=asked["n"])
    await box.method("thread/goal/cleared", after=again["n"])
    assert len([line for line in box.lines() if line["m"].get("method") == ASK]) == 1
    assert not [line for line in box.lines() if line["m"].get("method") == "serverRequest/resolved"]
    box.kill(box.status()["app_server_pid"])
    resolved = await box.method("serverRequest/resolved", source="synthetic")
    assert resolved["m"]["params"]["requestId"] == asked["m"]["id"]
    ended = await box.method("turn/completed")
    assert ended["m"]["params"]["turn"]["status"] == "interrupted"
    await box.ready(ended["n"])


async def test_a_persons_answer_is_recorded(box: Box, model: ModelServer) -> None:
    """Enter in the dialog of the screen approves; codex tells every client."""
    model.play({"default": [[{"approval": "echo hi > /tmp/x; echo did", "why": "May I?"}], [{"say": "ok"}]]})
    box.sandbox, box.approval = "workspace-write", "on-request"
    await box.up()
    await box.start_turn("please")
    asked = await box.method(ASK)
    await box.until_on_screen("May I?")
    await box.press_until("Enter", "serverRequest/resolved")
    resolved = await box.method("serverRequest/resolved")
    assert (resolved["src"], resolved["m"]["params"]["requestId"]) == ("live", asked["m"]["id"])
    ended = await box.method("turn/completed")
    assert ended["m"]["params"]["turn"]["status"] == "completed"
