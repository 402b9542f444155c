"""The two ends of a program held in a container, on a socket whose other end misbehaves."""

import asyncio
import socket

import pytest

from orchestrator.containers import stream
from orchestrator.containers.stream import HeldProgram, Taken
from orchestrator.core.errors import ConnectionLost


async def test_who_does_not_read_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a write nor the close behind it waits for a program that takes nothing more."""
    monkeypatch.setattr(stream, "WRITE_LIMIT", 0.05)
    monkeypatch.setattr(stream, "LEAVE_LIMIT", 0.05)
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with theirs:
        program = await HeldProgram.over(Taken(ours, b""), "sleep")
        with pytest.raises(ConnectionLost):
            await program.write(b"x" * 10_000_000)
        async with asyncio.timeout(20):
            await program.close()
