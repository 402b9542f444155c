"""Each action of the scripted model, as the real codex takes it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from orchestrator.testing.model.memory import Memory
from orchestrator.testing.model.scenario import parse
from orchestrator.testing.model.server import ModelServer
from orchestrator.testing.waiting import until

TODAY, CLASSIC, UNKNOWN = "gpt-6.1-sol", "gpt-5.5", "some-model"
PATCH = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch"


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer(Memory(parse({}))) as server:
        yield server


@dataclass
class Codex:
    """The real codex with a home and a workspace of its own, speaking to the scripted model."""

    model: ModelServer
    root: Path

    def command(self, *words: str, slug: str = TODAY) -> tuple[list[str], dict[str, str]]:
        provider = {
            "name": "scripted",
            "base_url": self.model.base_url,
            "wire_api": "responses",
            "request_max_retries": 2,
            "stream_max_retries": 2,
            "stream_idle_timeout_ms": 1000,
        }
        settings = {
            "model": slug,
            "model_provider": "x",
            "approval_policy": "never",
            "sandbox_mode": "danger-full-access",
            **{f"model_providers.x.{key}": value for key, value in provider.items()},
            "analytics.enabled": False,
            "features.daemon_auto_start": False,
            "features.plugins": False,
        }
        for folder in ("home", "work", "tmp"):
            (self.root / folder).mkdir(exist_ok=True)
        given = [word for key, value in settings.items() for word in ("-c", f"{key}={json.dumps(value)}")]
        home = str(self.root / "home")
        environment = {"HOME": home, "CODEX_HOME": home, "TMPDIR": str(self.root / "tmp")}
        return (
            [str(resources.files("codex_cli_bin") / "bin" / "codex"), *words, *given],
            {**environment, "PATH": os.environ["PATH"]},
        )

    async def run(self, message: str, *, slug: str = TODAY) -> list[dict[str, Any]]:
        """The events of one `codex exec`."""
        words, environment = self.command("exec", "--json", "--skip-git-repo-check", slug=slug)
        process = await asyncio.create_subprocess_exec(
            *words, message,
            cwd=self.root / "work", env=environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
        return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def codex(model: ModelServer, tmp_path: Path) -> Codex:
    return Codex(model, tmp_path)


def items(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [e["item"] for e in events if e["type"] == "item.completed" and e["item"]["type"] == kind]


def said(events: list[dict[str, Any]]) -> list[str]:
    return [item["text"] for item in items(events, "agent_message")]


def rule(*steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"default": list(steps)}


async def test_it_says_thinks_and_counts(codex: Codex) -> None:
    """`say`, `think`, `slow`, `sleep` and `usage` arrive as messages, reasoning and token counts."""
    quick = {"think": "Hm, well", "delay": 0}
    slow = {"slow": "Slowly said", "chunk": 6, "delay": 0.01}
    codex.model.play(rule([quick, {"say": "Hello 漢字"}, {"sleep": 0.01}, slow, {"usage": {"input": 4321}}]))
    events = await codex.run("x")
    assert [item["text"] for item in items(events, "reasoning")] == ["Hm, well"]
    assert said(events) == ["Hello 漢字", "Slowly said"]
    assert events[-1]["usage"]["input_tokens"] == 4321


@pytest.mark.parametrize("slug", [TODAY, CLASSIC, UNKNOWN])
async def test_it_runs_a_command_and_patches_a_file(codex: Codex, slug: str) -> None:
    """Both tool styles: codex runs the command, applies the patch, and the script goes on with the output."""
    codex.model.play(rule([{"shell": "echo $((40 + 2))"}], [{"patch": PATCH}], [{"say": "It was {{out}}"}]))
    events = await codex.run("x", slug=slug)
    [command] = items(events, "command_execution")
    [change] = items(events, "file_change")
    assert command["aggregated_output"] == "42\n"
    assert change["changes"][0]["path"].endswith("/a.txt")
    assert (codex.root / "work" / "a.txt").read_text() == "hello\n"
    assert len(said(events)) == 1


async def test_the_output_of_a_command_can_be_quoted(codex: Codex) -> None:
    """`{{out}}` is what the command printed, `{{user}}` what the user wrote."""
    codex.model.play(rule([{"shell": "echo $((40 + 2))"}], [{"say": "{{user}}: {{out}}"}]))
    assert said(await codex.run("The answer")) == ["The answer: 42"]


async def test_calls_of_any_tool_reach_codex(codex: Codex) -> None:
    """`call` and `custom` name a tool; `ask` is answered by codex itself where nobody can be asked."""
    question = {
        "id": "q",
        "header": "Q",
        "question": "Which?",
        "options": [{"label": "A", "description": "a"}],
    }
    code = {"custom": "exec", "input": "text('from code')"}
    codex.model.play(rule([code], [{"ask": [question]}], [{"say": "{{out}}"}]))
    assert "unavailable" in said(await codex.run("x"))[0]
    codex.model.play(rule([{"call": "no_such_tool", "args": {"a": 1}}], [{"say": "{{out}}"}]))
    assert "no_such_tool" in said(await codex.run("x"))[0]


@pytest.mark.parametrize(
    "trouble",
    [
        {"http": 429, "headers": {"retry-after": "0"}, "times": 1},
        {"drop": True, "times": 1},
        {"stall": 30, "times": 1},
        {"http": 500, "times": 1},
    ],
    ids=["429", "drop", "stall", "500"],
)
async def test_trouble_that_passes_is_survived(codex: Codex, trouble: dict[str, Any]) -> None:
    """With `times`, codex's own retry gets the answer."""
    codex.model.play(rule([trouble, {"say": "at last"}]))
    events = await codex.run("x")
    assert said(events) == ["at last"]
    assert events[-1]["type"] == "turn.completed"


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"fail": "server_is_overloaded", "message": "too much"}, "at capacity"),
        ({"http": 400, "body": {"error": {"message": "no good"}}}, "no good"),
        ({"drop": True}, "stream disconnected"),
        ({"incomplete": "content_filter"}, "content_filter"),
    ],
)
async def test_trouble_that_stays_fails_the_turn(codex: Codex, trouble: dict[str, Any], words: str) -> None:
    """Codex gives up and says why."""
    codex.model.play(rule([trouble, {"say": "never"}]))
    events = await codex.run("x")
    assert events[-1]["type"] == "turn.failed"
    assert words in events[-1]["error"]["message"]
    assert said(events) == []


@pytest.fixture
async def server(codex: Codex) -> AsyncIterator["AppServer"]:
    words, environment = codex.command("app-server", "--listen", "stdio://")
    process = await asyncio.create_subprocess_exec(
        *words, env=environment, cwd=codex.root / "work", limit=2**24,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    app = AppServer(process)
    await app.call("initialize", {"clientInfo": {"name": "test", "title": "T", "version": "0"}})
    yield app
    process.kill()
    await process.wait()


class AppServer:
    """Just enough of a client to start, steer and watch a turn."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.messages: list[dict[str, Any]] = []
        self._asked = 0

    async def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._asked += 1
        await self.send({"id": self._asked, "method": method, "params": params})
        answer = await self.until(lambda m: m.get("id") == self._asked and "method" not in m)
        result: dict[str, Any] = answer["result"]
        return result

    async def send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    async def until(self, wanted: Any) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            while True:
                message: dict[str, Any] = json.loads(await self._process.stdout.readline())
                self.messages.append(message)
                if wanted(message):
                    return message

    async def thread(self, **settings: str) -> str:
        started = await self.call("thread/start", settings)
        return str(started["thread"]["id"])

    async def turn(self, thread: str, text: str) -> str:
        message = {"threadId": thread, "input": [{"type": "text", "text": text}]}
        return str((await self.call("turn/start", message))["turn"]["id"])


def answers(messages: list[dict[str, Any]]) -> list[str]:
    done = [m["params"]["item"] for m in messages if m.get("method") == "item/completed"]
    return [item["text"] for item in done if item["type"] == "agentMessage"]


async def test_a_message_steered_into_a_turn_plays_its_own_script(codex: Codex, server: AppServer) -> None:
    """At a gate in the middle of the first script, a second message comes in and is the one answered."""
    first = {"when": "first", "steps": [[{"shell": "true"}], [{"wait": "g"}, {"say": "about the first"}]]}
    second = {"when": "second", "steps": [[{"shell": "echo 2"}], [{"say": "second: {{out}}"}]]}
    codex.model.play({"rules": [first, second]})
    thread = await server.thread()
    turn = await server.turn(thread, "first")
    await until(lambda: codex.model.memory.gates.waiting() == ["g"])
    text = [{"type": "text", "text": "second"}]
    await server.call("turn/steer", {"threadId": thread, "expectedTurnId": turn, "input": text})
    codex.model.memory.gates.open("g")
    await server.until(lambda m: m.get("method") == "turn/completed")
    assert answers(server.messages)[-1] == "second: 2"


async def test_an_approval_is_asked_for_with_its_reason(codex: Codex, server: AppServer) -> None:
    """Under on-request codex stops and asks; the command runs once it is accepted."""
    codex.model.play(rule([{"approval": "echo allowed", "why": "Because."}], [{"say": "{{out}}"}]))
    thread = await server.thread(approvalPolicy="on-request", sandbox="workspace-write")
    await server.turn(thread, "x")
    asked = await server.until(lambda m: m.get("method") == "item/commandExecution/requestApproval")
    assert asked["params"]["reason"] == "Because."
    await server.send({"id": asked["id"], "result": {"decision": "accept"}})
    await server.until(lambda m: m.get("method") == "turn/completed")
    assert answers(server.messages) == ["allowed"]


async def test_an_interrupted_turn_frees_its_gate(codex: Codex, server: AppServer) -> None:
    """Codex leaves the stream when it is interrupted, and the model notices."""
    codex.model.play(rule([{"wait": "g"}]))
    thread = await server.thread()
    turn = await server.turn(thread, "x")
    await until(lambda: codex.model.memory.gates.waiting() == ["g"])
    await server.call("turn/interrupt", {"threadId": thread, "turnId": turn})
    await until(lambda: codex.model.memory.gates.waiting() == [])
