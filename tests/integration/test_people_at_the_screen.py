"""A person at codex's screen, on a real tmux with the supervisor's own configuration."""

import asyncio
import os
import pty
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files

import pytest

from orchestrator.core.ports import ByteStream, Finished
from orchestrator.terminal.screen import TmuxTerminal
from orchestrator.testing.waiting import until

SESSION = "k3v9x2m8qd"


async def no_held_client(argv: Sequence[str]) -> ByteStream:
    raise OSError(f"{argv[0]} is not held here")


async def run(argv: Sequence[str], stdin: bytes) -> Finished:
    done = await asyncio.to_thread(
        subprocess.run, argv, input=stdin, capture_output=True, timeout=10, check=False
    )
    return Finished(status=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture
async def socket() -> AsyncIterator[str]:
    folder = tempfile.mkdtemp(prefix="o")
    path = f"{folder}/s"
    with as_file(files("orchestrator.supervisor") / "tmux.conf") as conf:
        await run(
            ["tmux", "-f", str(conf), "-S", path, "new-session", "-d", "-s", SESSION, "-n", "codex", "cat"],
            b"",
        )
    yield path
    await run(["tmux", "-S", path, "kill-server"], b"")
    shutil.rmtree(folder)


@contextmanager
def attached(socket: str, *flags: str) -> Iterator[None]:
    """A client on a terminal of its own, as a person has one."""
    leader, follower = pty.openpty()
    client = subprocess.Popen(
        ["tmux", "-S", socket, "attach", "-t", f"={SESSION}", *flags],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    try:
        yield
    finally:
        client.terminate()
        client.wait(10)
        os.close(leader)
        os.close(follower)


def seen(terminal: TmuxTerminal, people: int, *, touched: bool) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        pane = await terminal.pane()
        return (pane.people, pane.touched) == (people, touched)

    return holds


async def test_a_person_who_has_gone_may_have_left_a_draft_until_the_screen_is_restarted(socket: str) -> None:
    """The pane stays touched after they left, and is clean again when its program is another one."""
    terminal = TmuxTerminal(SESSION, no_held_client, run, socket=socket)
    assert not (await terminal.pane()).touched
    with attached(socket):
        await until(seen(terminal, 1, touched=True))
    await until(seen(terminal, 0, touched=True))
    await run(["tmux", "-S", socket, "respawn-pane", "-k", "-t", f"={SESSION}:codex", "cat"], b"")
    assert not (await terminal.pane()).touched


async def test_a_person_who_only_looks_touches_nothing(socket: str) -> None:
    """A read-only client cannot leave a draft."""
    terminal = TmuxTerminal(SESSION, no_held_client, run, socket=socket)
    with attached(socket, "-r"):

        async def listed() -> bool:
            return bool((await run(["tmux", "-S", socket, "list-clients"], b"")).stdout)

        await until(listed)
        pane = await terminal.pane()
    assert (pane.people, pane.touched) == (0, False)
