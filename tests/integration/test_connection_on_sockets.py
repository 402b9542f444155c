"""A connection over a real unix socket, against a WebSocket server that plays the app-server's part."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, unix_serve

from orchestrator.codex_connection import unix
from orchestrator.codex_connection.peer import Connection
from orchestrator.core.errors import CodexRefused, ConnectionLost, TimedOut

Answer = Callable[[ServerConnection, dict[str, Any]], Awaitable[None]]


async def polite(link: ServerConnection, message: dict[str, Any]) -> None:
    """Answers as codex would."""
    match message["method"]:
        case "initialize":
            await link.send(json.dumps({"id": message["id"], "result": {"userAgent": "x/1 y"}}))
        case "refuse":
            await link.send(json.dumps({"id": message["id"], "error": {"code": -32600, "message": "no"}}))
        case "silence" | "initialized":
            return
        case "shout":
            for number in range(message["params"]["times"]):
                await link.send(json.dumps({"method": "shouted", "params": {"number": number}}))
            await link.send(json.dumps({"id": 7, "method": "ask", "params": {}}))
            await link.send(json.dumps({"id": message["id"], "result": {}}))
        case "hang up":
            await link.close(1011, "enough")
        case _:
            await link.send(json.dumps({"id": message["id"], "result": message["params"]}))


@asynccontextmanager
async def serving(path: Path, answer: Answer = polite) -> AsyncIterator[list[dict[str, Any]]]:
    """A server on that path; what it was sent."""
    heard: list[dict[str, Any]] = []

    async def talk(link: ServerConnection) -> None:
        async for text in link:
            heard.append(json.loads(text))
            await answer(link, heard[-1])

    async with unix_serve(talk, str(path), max_size=None, compression=None):
        yield heard


async def connected(path: Path, **options: Any) -> Connection:
    return await Connection.open(await unix.connect(str(path)), name="test", **options)


async def test_calls_are_answered_out_of_order_and_at_once(tmp_path: Path) -> None:
    """Many calls at a time, each with its own answer, of any size."""
    async with serving(tmp_path / "s") as heard:
        link = await connected(tmp_path / "s", opt_out=["a/b"])
        big = "ü" * 5_000_000
        answers = await asyncio.gather(
            *(link.call("echo", {"n": n, "big": big[: n * 999]}) for n in range(50))
        )
        assert [answer["n"] for answer in answers] == list(range(50))
        assert (await link.call("echo", {"big": big}))["big"] == big
        await link.close()
        assert heard[0]["params"]["capabilities"] == {
            "experimentalApi": True,
            "optOutNotificationMethods": ["a/b"],
        }
        assert heard[1] == {"method": "initialized"}


async def test_a_refusal_carries_codexs_code(tmp_path: Path) -> None:
    """`CodexRefused` with the message and the number."""
    async with serving(tmp_path / "s"):
        link = await connected(tmp_path / "s")
        with pytest.raises(CodexRefused, match="no") as refused:
            await link.call("refuse", {})
        assert refused.value.rpc_code == -32600
        await link.close()


async def test_a_silent_server_costs_the_limit_and_no_more(tmp_path: Path) -> None:
    """The call ends with `TimedOut`; the connection is as good as before."""
    async with serving(tmp_path / "s"):
        link = await connected(tmp_path / "s")
        with pytest.raises(TimedOut):
            await link.call("silence", {}, timeout=0.05)
        assert await link.call("echo", {"a": 1}) == {"a": 1}
        await link.close()


async def test_messages_come_in_order_and_end_with_the_connection(tmp_path: Path) -> None:
    """Notifications and server requests, all of them, then the end; nothing was answered."""
    async with serving(tmp_path / "s") as heard:
        link = await connected(tmp_path / "s")
        await link.call("shout", {"times": 1000})
        with pytest.raises(ConnectionLost, match="enough"):
            await link.call("hang up", {})
        said = [message async for message in link.messages()]
        assert [m["params"].get("number") for m in said[:-1]] == list(range(1000))
        assert (said[-1]["method"], said[-1]["id"]) == ("ask", 7)
        assert [m async for m in link.messages()] == []
        assert link.closed
        with pytest.raises(ConnectionLost):
            await link.call("echo", {})
        await link.close()
        assert [message["method"] for message in heard[2:]] == ["shout", "hang up"]


async def test_one_that_does_not_listen_keeps_nothing(tmp_path: Path) -> None:
    """`listen=False` hears answers only."""
    async with serving(tmp_path / "s"):
        link = await connected(tmp_path / "s", listen=False)
        await link.call("shout", {"times": 10})
        await link.close()
        assert [message async for message in link.messages()] == []


async def test_a_listener_that_never_speaks_is_given_up(tmp_path: Path) -> None:
    """The handshake has a limit, and the socket is closed again."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen(1)
    with pytest.raises(TimedOut):
        await connected(tmp_path / "s", timeout=0.1)
    accepted, _ = listener.accept()
    accepted.settimeout(5)
    with accepted, accepted.makefile("rb") as file:
        sent = file.read()
    assert sent.startswith(b"GET / HTTP/1.1\r\n")
    listener.close()


async def test_a_listener_that_never_accepts_is_refused_at_once(tmp_path: Path) -> None:
    """A full queue cannot hold the caller: a blocking connect would wait for ever."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen(0)
    first = await unix.connect(str(tmp_path / "s"))
    with pytest.raises(ConnectionLost):
        await unix.connect(str(tmp_path / "s"))
    await first.close()
    listener.close()


async def test_nobody_there_is_a_lost_connection(tmp_path: Path) -> None:
    """No file, and a file that nobody listens on."""
    with pytest.raises(ConnectionLost):
        await unix.connect(str(tmp_path / "s"))
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "s"))
    stale.close()
    with pytest.raises(ConnectionLost):
        await unix.connect(str(tmp_path / "s"))


async def test_the_listeners_process_is_known(tmp_path: Path) -> None:
    """The kernel's word, not the other side's."""
    async with serving(tmp_path / "s"):
        stream = await unix.connect(str(tmp_path / "s"))
        assert (stream.listener.pid, stream.listener.uid) == (os.getpid(), os.getuid())
        await stream.close()


async def test_noise_ends_the_connection_and_nothing_else(tmp_path: Path) -> None:
    """A server that stops making sense is left, with the reason kept."""

    async def noisy(link: ServerConnection, message: dict[str, Any]) -> None:
        if message["method"] == "initialize":
            await polite(link, message)
        else:
            await link.send("not json")

    async with serving(tmp_path / "s", noisy):
        link = await connected(tmp_path / "s")
        with pytest.raises(ConnectionLost, match="not JSON"):
            await link.call("echo", {})
        await link.close()
