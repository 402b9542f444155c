"""What only a real tmux can show: quoting, lost and stuck clients, people, copy mode, single runs."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import libtmux
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import ConnectionLost, EngineRefused, RouteRefused, TimedOut
from orchestrator.core.ports import ByteStream
from orchestrator.terminal import commands
from orchestrator.terminal.channel import ControlChannel
from orchestrator.terminal.screen import TmuxTerminal
from orchestrator.testing.processes import LocalPrograms
from orchestrator.testing.waiting import until

SESSION = "abc0123456"
TYPEABLE = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n\t\\"$~;#{}%'), min_size=1
)


@dataclass
class Tmux:
    """A tmux server of this test's own, whose pane runs `cat`."""

    server: libtmux.Server
    socket: str
    local: LocalPrograms

    def terminal(self, *, limit: float = 10.0) -> TmuxTerminal:
        return TmuxTerminal(SESSION, self.local.open, self.local.run, socket=self.socket, limit=limit)

    @property
    def pid(self) -> int:
        return int(self.server.cmd("display-message", "-p", "#{pid}").stdout[0])

    def screen(self) -> list[str]:
        rows = self.server.cmd("capture-pane", "-p", "-t", f"={SESSION}:codex").stdout
        return [row for row in rows if row]


@pytest.fixture
async def tmux() -> AsyncIterator[Tmux]:
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))  # a socket's path must be short
    socket = str(folder / "s")
    server = libtmux.Server(socket_path=socket, config_file="/dev/null")
    server.cmd("new-session", "-d", "-s", SESSION, "-n", "codex", "-x", "80", "-y", "20", "cat", "-u")
    server.cmd("set", "-g", "remain-on-exit", "on")
    yield Tmux(server, socket, LocalPrograms())
    server.kill()
    shutil.rmtree(folder)


def test_quoting_gives_tmux_the_very_text(tmux: Tmux) -> None:
    """Any text, in pieces cut anywhere, is in tmux's buffer byte for byte."""

    async def through_tmux(texts: list[str]) -> list[bytes]:
        client = commands.attach(tmux.socket, SESSION)
        channel = ControlChannel(lambda: tmux.local.open(client), limit=10.0)
        got = []
        for text in texts:
            pieces = commands.pieces(text, 16)
            await channel.ask([f'set-buffer {"-a" if n else ""} -b q -- "{p}"' for n, p in enumerate(pieces)])
            saved = await tmux.local.run(["tmux", "-N", "-S", tmux.socket, "save-buffer", "-b", "q", "-"])
            got.append(saved.stdout)
        await channel.close()
        return got

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(TYPEABLE, min_size=1, max_size=5))
    def check(texts: list[str]) -> None:
        assert asyncio.run(through_tmux(texts)) == [text.encode() for text in texts]

    check()


async def test_a_client_that_died_unnoticed_is_replaced_before_anything_is_typed(tmux: Tmux) -> None:
    """The preparation finds it out, so the message goes in once, through a new client."""
    terminal = tmux.terminal()
    await terminal.paste("first")
    tmux.local.processes[0].kill()
    await tmux.local.processes[0].wait()
    await terminal.paste("second")
    await until(lambda: tmux.screen() == ["first", "first", "second", "second"])
    assert len(tmux.local.opened) == 2
    assert tmux.local.ran == []
    await terminal.close()


async def test_a_tmux_that_does_not_answer_is_not_waited_for(tmux: Tmux) -> None:
    """A stopped server: looking times out, and the session's lock is free again afterwards."""
    terminal = tmux.terminal(limit=3.0)
    await terminal.pane()
    pid = tmux.pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TimedOut):
        await terminal.pane()
    os.kill(pid, signal.SIGCONT)
    assert (await terminal.pane()).alive
    await terminal.close()


class CutOff(LocalPrograms):
    """Its streams stop at the line that would type, as when the wire breaks just then."""

    async def open(self, argv: Sequence[str]) -> ByteStream:
        stream = await super().open(argv)
        write = stream.write

        async def cut(data: bytes) -> None:
            if b"paste-buffer" in data:
                await write(data[:20])
                await stream.close()
                return
            await write(data)

        stream.write = cut  # type: ignore[method-assign]  # this one stream only
        return stream


async def test_a_loss_while_typing_is_unknown_and_not_repeated(tmux: Tmux) -> None:
    """Once the typing line went out, a loss is said to be ambiguous, and nobody types again."""
    tmux.local = CutOff()
    terminal = tmux.terminal()
    with pytest.raises(ConnectionLost) as lost:
        await terminal.paste("once")
    assert lost.value.ambiguous
    assert len(tmux.local.opened) == 1
    assert tmux.local.ran == []
    await terminal.close()


async def test_a_cancelled_exchange_does_not_disturb_the_next(tmux: Tmux) -> None:
    """The late answer of a cancelled question is never taken for the answer to the next one."""
    terminal = tmux.terminal()
    await terminal.pane()
    pid = tmux.pid
    os.kill(pid, signal.SIGSTOP)
    asked = asyncio.create_task(terminal.capture(None))
    done, _ = await asyncio.wait({asked}, timeout=0.1)
    assert not done
    asked.cancel()
    os.kill(pid, signal.SIGCONT)
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert (await terminal.pane()).server.startswith(str(pid))
    await terminal.close()


async def test_where_no_client_can_be_held_each_call_runs_its_own(tmux: Tmux) -> None:
    """The fallback types too, and does not try to hold a client anew for every call."""
    tries: list[Sequence[str]] = []

    async def refuse(argv: Sequence[str]) -> ByteStream:
        tries.append(argv)
        raise EngineRefused("exec is not allowed")

    terminal = TmuxTerminal(SESSION, refuse, tmux.local.run, socket=tmux.socket)
    await terminal.paste("a ; b\n~ $(x)")
    await terminal.press("z", "Enter")
    await until(lambda: sorted(tmux.screen()) == sorted(["a ; b", "~ $(x)", "z"] * 2))
    assert len(tries) == 1
    await terminal.close()


async def test_a_pane_left_in_copy_mode_takes_the_message(tmux: Tmux) -> None:
    """Copy mode would keep Enter for itself; it is left first."""
    tmux.server.cmd("copy-mode", "-t", f"={SESSION}:codex")
    terminal = tmux.terminal()
    await terminal.paste("hello")
    await until(lambda: tmux.screen() == ["hello", "hello"])
    await terminal.close()


async def test_a_person_is_counted_and_a_reader_is_not(tmux: Tmux) -> None:
    """Clients that could be typing are people; read-only ones and our own are not."""
    terminal = tmux.terminal()
    attach = f"tmux -S {tmux.socket} attach -t ={SESSION}"
    for flag, people in ((" -r", 0), ("", 1)):
        client = await asyncio.create_subprocess_exec(
            *("script", "-qfc", attach + flag, "/dev/null"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm"},
        )
        await until(lambda: "0" in clients(tmux))
        assert (await terminal.pane()).people == people
        tmux.server.cmd("detach-client", "-s", f"={SESSION}")
        await client.wait()
    await terminal.close()


def clients(tmux: Tmux) -> list[str]:
    return tmux.server.cmd("list-clients", "-F", "#{client_control_mode}").stdout


async def test_a_prefix_never_reaches_another_session(tmux: Tmux) -> None:
    """A session whose id begins alike is not typed into."""
    terminal = TmuxTerminal(SESSION[:4], tmux.local.open, tmux.local.run, socket=tmux.socket)
    assert not (await terminal.pane()).alive
    with pytest.raises(RouteRefused):
        await terminal.paste("not for you")
    assert tmux.screen() == []
    await terminal.close()


async def test_closing_detaches_the_client(tmux: Tmux) -> None:
    """After `close` tmux has no client left, and the next call opens a new one."""
    terminal = tmux.terminal()
    await terminal.pane()
    assert len(tmux.server.cmd("list-clients").stdout) == 1
    await terminal.close()
    assert tmux.server.cmd("list-clients").stdout == []
    assert (await terminal.pane()).alive
    await terminal.close()
