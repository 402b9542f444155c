"""A supervised codex comes up, records what is said, and ends as it was told."""

import json
from typing import Any

import pytest

from orchestrator.testing.model.server import ModelServer
from orchestrator.testing.waiting import until
from tests.docker.supervisor.box import LIMIT, UID, Box

pytestmark = [pytest.mark.docker, pytest.mark.agent]


def said(box: Box, method: str) -> list[dict[str, Any]]:
    return [line for line in box.lines() if line["m"].get("method") == method]


async def test_boot_ends_in_ready_with_the_thread_named_and_the_policies_checked(box: Box) -> None:
    """`ready` stands behind boot, thread and a matching policy; status.json says the same."""
    await box.up()
    methods = [line["m"]["method"] for line in box.lines()]
    order = ["supervisor/boot", "supervisor/policy", "supervisor/thread", "supervisor/ready"]
    assert [m for m in methods if m in order and m != "supervisor/policy"] == [
        m for m in order if m != "supervisor/policy"
    ]
    assert said(box, "supervisor/policy")[0]["m"]["params"]["matches"] is True
    await until(lambda: box.status()["phase"] == "ready", LIMIT)
    status = box.status()
    assert status["thread_id"] == box.thread_id()
    assert status["codex_version"]
    assert status["policy"] == {"sandbox": "dangerFullAccess", "approval": "never"}
    assert [line["n"] for line in box.lines()] == list(range(1, len(box.lines()) + 1))
    await box.method("supervisor/walls")
    walls = box.lines()[-1]["m"]["params"]
    assert walls["container"] == {
        "no_new_privileges": True,
        "capabilities": "0000000000000000",
        "read_only_root": True,
        "docker_socket": False,
    }


async def test_a_turn_is_recorded_and_repeated_on_stdout(box: Box) -> None:
    """Every line of the log is a line of the container's stdout too."""
    await box.up()
    await box.turn("hello there")
    texts = [line["m"]["params"]["item"].get("text") for line in said(box, "item/completed")]
    assert "You said: hello there" in texts
    last = box.last()
    assert (await box.printed(last))[:last] == box.lines()[:last]
    await box.until_on_screen("You said: hello there")
    assert b"hello there" in box.pane_log.read_bytes()


async def test_an_ordered_stop_in_a_turn_interrupts_it_and_exits_with_0(box: Box, model: ModelServer) -> None:
    """The interrupted turn's end is codex's own word, and the last line is the supervisor's exit."""
    model.play({"default": [[{"shell": "sleep 100"}]]})
    await box.up()
    turn = await box.start_turn("work long")
    await box.line(lambda line: line["m"].get("method") == "item/started" and "sleep 100" in json.dumps(line))
    assert await box.stop("stopped") == 0
    ended = said(box, "turn/completed")[-1]
    assert ended["src"] == "live"
    assert (ended["m"]["params"]["turn"]["id"], ended["m"]["params"]["turn"]["status"]) == (
        turn,
        "interrupted",
    )
    last = box.lines()[-1]["m"]
    assert (last["method"], last["params"]["code"]) == ("supervisor/exit", 0)
    assert box.status()["phase"] == "stopped"


async def test_a_sigterm_that_nobody_ordered_exits_with_143_and_the_thread_goes_on(box: Box) -> None:
    """The engine brings it back; codex still knows what was said."""
    await box.up()
    await box.turn("remember me")
    thread = box.thread_id()
    assert await box.stop("running") == 143
    after = box.last()
    box.container.start()
    await box.ready(after)
    assert box.thread_id() == thread
    assert said(box, "supervisor/thread")[-1]["m"]["params"]["how"] == "resumed"
    await box.turn("still there?")
    assert said(box, "supervisor/gap") == []


async def test_a_revived_container_that_is_to_be_stopped_ends_at_once(box: Box) -> None:
    """With the order to stop in place a start records nothing and exits with 0."""
    await box.up()
    assert await box.stop("stopped") == 0
    after = box.last()
    box.container.start()
    assert await box.exited() == 0
    assert box.last() == after
    assert box.status()["thread_id"] == box.thread_id()
    assert "to be stopped" in box.status()["reason"]


async def test_a_missing_thread_file_is_refused(box: Box) -> None:
    """Never silently a new thread: it stays down, with the reason and what to do in status.json."""
    await box.up()
    await box.stop("running")
    (box.private / "thread.json").unlink()
    box.container.start()
    assert await box.exited() == 0
    assert box.status()["phase"] == "failed"
    assert "thread.json is missing" in box.status()["reason"]
    assert "resume-all" in box.status()["reason"]


async def test_a_thread_of_the_registry_without_its_file_is_refused(box: Box) -> None:
    """The registry's word for the thread is no reason to guess either."""
    box.prepare(thread_id="01a1fbb8-11ed-7000-8000-000000000000")
    box.run()
    assert await box.exited() == 0
    assert box.status()["phase"] == "failed"


@pytest.mark.parametrize("kept", ["01a1fbb8-11ed-7000-8000-000000000000", "no id", None])
async def test_a_thread_that_codex_refuses_is_tried_once_and_waits_for_a_person(
    box: Box, kept: str | None
) -> None:
    """No endless loop under the engine's restart policy; with the file put back the thread goes on."""
    box.restart = True
    await box.up()
    await box.turn("remember me")
    await box.stop("running")
    file = box.private / "thread.json"
    whole, after = file.read_bytes(), box.last()
    file.write_text(json.dumps({"schema": 1, "thread_id": kept}) if kept else "torn {")
    box.container.start()
    assert await box.exited() == 0
    assert (box.status()["phase"], box.container.attrs["RestartCount"]) == ("failed", 0)
    reason = box.status()["reason"]
    assert all(word in reason for word in ("thread", kept or "thread.json", "resume-all"))
    assert "remember me" in str(box.lines()[:after])
    file.write_bytes(whole)
    after = box.last()
    box.container.start()
    await box.ready(after)
    await box.turn("still there?")
    assert [line["m"]["params"].get("lost") for line in said(box, "supervisor/gap")] == []


async def test_a_policy_that_codex_does_not_echo_is_no_reason_to_try_for_ever(box: Box) -> None:
    """A managed requirement of codex's overrules the order: the supervisor does not go on, and stays down."""
    box.restart = True
    box.prepare(approval="untrusted")
    config = box.private.parent / "codex-home/requirements.toml"
    config.write_text('allowed_approval_policies = ["never"]\n')
    box.extra_binds = [f"{config}:/etc/codex/requirements.toml:ro"]
    box.run()
    assert await box.exited() == 0
    assert said(box, "supervisor/policy")[-1]["m"]["params"]["matches"] is False
    assert (box.status()["phase"], box.container.attrs["RestartCount"]) == ("failed", 0)
    reason = box.status()["reason"]
    assert all(word in reason for word in ("approval never", "approval untrusted", "resume-all"))
    assert said(box, "supervisor/boot")[-1]["m"]["params"]["boot"] == 1


@pytest.mark.parametrize(
    ("broken", "told"), [('model_provider = "nowhere"', "nowhere"), ("model = [", "config.toml")]
)
async def test_a_thread_that_codex_refuses_to_start_is_tried_once_and_waits_for_a_person(
    box: Box, broken: str, told: str
) -> None:
    """With codex's configuration put right, the next start has its thread."""
    box.restart = True
    box.prepare()
    config = box.private.parent / "codex-home/config.toml"
    whole = config.read_text()
    config.write_text(whole.replace('model_provider = "scripted"', broken))
    box.run()
    assert await box.exited() == 0
    assert (box.status()["phase"], box.container.attrs["RestartCount"]) == ("failed", 0)
    reason = box.status()["reason"]
    assert all(word in reason for word in ("refused to start a thread", told, "resume-all"))
    config.write_text(whole)
    after = box.last()
    box.container.start()
    await box.ready(after)
    await box.turn("hello")


async def test_a_workspace_that_shuts_the_agent_out_is_tried_once_and_waits_for_a_person(box: Box) -> None:
    """The supervisor goes there by the agent's right alone; with the folder opened the session comes up."""
    box.restart = True
    box.prepare()
    workspace = box.private.parent / "workspace"
    workspace.chmod(0o600)
    box.run()
    assert await box.exited() == 0
    assert (box.status()["phase"], box.container.attrs["RestartCount"]) == ("failed", 0)
    assert f"(uid {UID}) may not enter /work: Permission denied" in box.status()["reason"]
    assert "resume-all" in box.status()["reason"]
    workspace.chmod(0o700)
    box.container.start()
    await box.ready()
    await box.turn("hello")


async def test_a_codex_that_does_not_come_up_ends_it_with_70_and_the_reason(box: Box) -> None:
    """It is tried some times; its own words are in status.json."""
    box.prepare()
    program = box.private.parent / "codex"
    program.write_text("#!/bin/sh\necho quite broken >&2\nexit 3\n")
    program.chmod(0o755)
    box.extra_binds = [f"{program}:/opt/codex/bin/codex:ro"]
    box.run()
    assert await box.exited() == 70
    assert box.status()["phase"] == "failed"
    assert "does not come up: status 3: quite broken" in box.status()["reason"]


async def test_an_app_server_that_hangs_is_reported_and_goes_on_where_it_stood(
    box: Box, model: ModelServer
) -> None:
    """Neither it nor its turn is ended: the status says that it is silent until it answers again."""
    model.play({"default": [[{"say": "half", "phase": "commentary"}, {"wait": "go"}, {"say": "whole"}]]})
    await box.up()
    turn, app = await box.start_turn("long"), box.status()["app_server_pid"]
    await box.line(lambda line: line["m"]["method"] == "item/completed" and "half" in str(line["m"]))
    box.kill(app, "STOP")
    silent = await box.method("supervisor/silent")
    assert silent["m"]["params"]["part"] == "app-server"
    await until(lambda: list(box.status()["silent"]) == ["app-server"], LIMIT)
    assert box.status()["phase"] == "ready"
    box.kill(app, "CONT")
    await box.method("supervisor/answers")
    await until(lambda: box.status()["silent"] == {}, LIMIT)
    model.memory.gates.open("go")
    ended = await box.method("turn/completed")
    assert (ended["m"]["params"]["turn"]["id"], ended["src"]) == (turn, "live")
    assert ended["m"]["params"]["turn"]["status"] == "completed"
    assert box.status()["app_server_pid"] == app
    ended_parts = [line["m"]["params"]["part"] for line in said(box, "supervisor/restarted")]
    assert set(ended_parts) <= {"tui"}, "codex's screen gives up by itself, and is drawn again"
    assert said(box, "supervisor/disconnected") == []
    await box.until_on_screen("whole")


async def test_a_tmux_that_hangs_is_reported_and_goes_on_with_its_screen(box: Box) -> None:
    """Nothing on it is lost: the server and codex's screen in it are the same."""
    await box.up()
    await box.turn("hello")
    await box.until_on_screen("You said: hello")
    server, pane = box.status()["tmux"].split()[0], box.pane_pid()
    box.kill(server, "STOP")
    silent = await box.method("supervisor/silent")
    assert silent["m"]["params"]["part"] == "tmux"
    await until(lambda: list(box.status()["silent"]) == ["tmux"], LIMIT)
    box.kill(server, "CONT")
    await box.method("supervisor/answers")
    await until(lambda: box.status()["silent"] == {}, LIMIT)
    assert box.pane_pid() == pane
    assert said(box, "supervisor/restarted") == []
    await box.turn("again")
    await box.until_on_screen("You said: again")


async def test_an_app_server_that_hangs_cannot_hold_an_ordered_stop_up(box: Box) -> None:
    """It answers nothing and obeys no SIGTERM; the stop is in order all the same."""
    await box.up()
    box.kill(box.status()["app_server_pid"], "STOP")
    assert await box.stop("finished") == 0
    assert "killed" in str(said(box, "supervisor/exit")[-1]["m"]["params"]["details"])


async def test_a_stop_in_the_middle_of_the_start_is_obeyed(box: Box) -> None:
    """Nothing has to be ready for the end."""
    box.prepare()
    box.run()
    await box.method("supervisor/boot")
    assert await box.stop("stopped") == 0
    assert said(box, "supervisor/gap") == []
