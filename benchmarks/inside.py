"""Codex's own start as a session has it, in a plain container: app-server, thread, screen."""

import asyncio
import os
import sys

sys.path.insert(0, "/opt/orchestrator")

from orchestrator.codex_connection import unix
from orchestrator.codex_connection.peer import Connection
from orchestrator.core.errors import ConnectionLost

SOCKET = "/tmp/app.sock"  # noqa: S108 - in a container of its own
WORK = "/home/agent"


async def begin() -> str:
    """Start the app-server and a thread; the thread's id."""
    await asyncio.create_subprocess_exec("codex", "app-server", "--listen", f"unix://{SOCKET}")
    connection = await Connection.open(await reached(), name="bench")
    policies = {"cwd": WORK, "sandbox": "danger-full-access", "approvalPolicy": "never"}
    thread_id = str((await connection.call("thread/start", policies))["thread"]["id"])
    await connection.call("thread/name/set", {"threadId": thread_id, "name": "bench"})
    await connection.close()
    return thread_id


async def reached() -> unix.UnixStream:
    while True:
        try:
            return await unix.connect(SOCKET)
        except ConnectionLost:
            await asyncio.sleep(0.005)


if __name__ == "__main__":
    argv = ["codex", "resume", "--remote", f"unix://{SOCKET}", "-C", WORK, asyncio.run(begin())]
    os.execvp(argv[0], argv)  # noqa: S606 - the program of the container from here on
