"""One suite for the terminal port: on the in-memory twin, and on a real tmux that is typed into."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import libtmux
import pytest

from orchestrator.core.errors import EngineRefused, InvalidInput, RouteRefused, SessionNotRunning
from orchestrator.core.ports import ByteStream, Terminal
from orchestrator.terminal.screen import TmuxTerminal
from orchestrator.testing.processes import LocalPrograms
from orchestrator.testing.terminal import MemoryTerminal
from orchestrator.testing.waiting import until

SESSION = "abc0123456"

#: Stands where codex stands: raw mode, bracketed paste on, each submitted text noted down, byte for byte.
COMPOSER = r"""
import json, os, sys, termios, tty
out = open(sys.argv[1], "a", encoding="utf-8")
tty.setraw(0)
os.write(1, b"\x1b[?2004hready\r\n")
def note(kind, data):
    text = data.decode("utf-8", "strict")
    out.write(json.dumps({kind: text}) + "\n"); out.flush()
    if kind == "message":
        os.write(1, text.replace("\r", "\r\n").encode()[:2000] + b"\r\n")
pending, pasted = b"", b""
while True:
    pending += os.read(0, 65536)
    while pending:
        if pending.startswith(b"\x1b[200~"):
            end = pending.find(b"\x1b[201~")
            if end < 0:
                break
            pasted, pending = pending[6:end], pending[end + 6:]
        elif b"\x1b[200~".startswith(pending):
            break
        elif pending[:1] == b"\r" and pasted:
            note("message", pasted); pasted, pending = b"", pending[1:]
        else:
            note("key", pending[:1]); pending = pending[1:]
"""

MIXED = "".join(
    f"{n}: äöü ß 漢字かな 🙂👩‍👩‍👧 עברית e\u0301 \\ \" ' $HOME #{{pid}} ~ ;\t|\n" for n in range(1, 1500)
)
PAYLOADS = {
    "one line": "Focus on token refresh",
    "fifty lines": "\n".join(f"line {n}" for n in range(1, 51)),
    "100 KB of mixed unicode": MIXED[: 100_000 * len(MIXED) // len(MIXED.encode())] + "end",
    "a slash first": "/status\nand more",
    "an exclamation mark first": "!rm -rf /nowhere",
    "a dash first": "-b x -- y",
    "a hash first": "#{pid} # no comment",
    "only a key name": "Enter",
    "only a control key": "C-c",
    "quotes": "'single' \"double\" `back` '\"'\"'",
    "a substitution": "$(x) ${HOME} $HOME `id`",
    "tabs": "\ta\t\tb\t",
    "backslashes": "\\ \\\\ \\n \\t \\u1234 \\e[31m \\",
    "a format": "#{pid} #(id) #[fg=red] %1 %begin 1 1 1",
    "a tilde": "~ ~root ~/x",
    "a semicolon": "a ; kill-server ;",
    "only a semicolon": ";",
    "braces": "{ } %if #{==:1,1} }",
    "blank lines": "\n\na\n\n",
}


@dataclass
class Stage:
    """A terminal and what stands behind it: what was submitted, the keys, and the ways to end it."""

    terminal: Terminal
    messages: Callable[[], list[str]]
    keys: Callable[[], str]
    end_program: Callable[[], None]
    shell_instead: Callable[[], None]
    end_server: Callable[[], None]


def memory_stage() -> Stage:
    terminal = MemoryTerminal()
    terminal.show("ready")
    names = {"Enter": "\r", "Escape": "\x1b"}
    return Stage(
        terminal=terminal,
        messages=lambda: terminal.pasted,
        keys=lambda: "".join(names.get(key, key) for key in terminal.pressed),
        end_program=terminal.end,
        shell_instead=terminal.end,
        end_server=terminal.vanish,
    )


async def tmux_stage(folder: Path, *, hold: bool) -> tuple[Stage, libtmux.Server]:
    server = libtmux.Server(socket_path=str(folder / "s"), config_file="/dev/null")
    noted = folder / "noted"
    noted.touch()
    program = folder / "composer.py"
    program.write_text(COMPOSER)
    server.cmd(
        "new-session", "-d", "-s", SESSION, "-n", "codex", "-x", "120", "-y", "40",
        sys.executable, str(program), str(noted),
    )  # fmt: skip
    server.cmd("set", "-g", "remain-on-exit", "on")
    local = LocalPrograms()
    terminal = TmuxTerminal(SESSION, local.open if hold else no_client, local.run, socket=str(folder / "s"))

    def read(kind: str) -> list[str]:
        rows = (json.loads(row) for row in noted.read_text().splitlines())
        return [row[kind].replace("\r", "\n") for row in rows if kind in row]

    async def drawn() -> bool:
        return "ready" in await terminal.capture(None)

    await until(drawn)
    stage = Stage(
        terminal=terminal,
        messages=lambda: read("message"),
        keys=lambda: "".join(read("key")).replace("\n", "\r"),
        end_program=lambda: kill_program(server),
        shell_instead=lambda: instead(server, "bash", "--norc"),
        end_server=server.kill,
    )
    return stage, server


async def no_client(argv: Sequence[str]) -> ByteStream:
    raise EngineRefused("no program can be held here")


def kill_program(server: libtmux.Server) -> None:
    [pid] = server.cmd("list-panes", "-a", "-F", "#{pane_pid}").stdout
    os.kill(int(pid), signal.SIGKILL)


def instead(server: libtmux.Server, *program: str) -> None:
    """Put another program into the pane; two words or more are run without a shell around them."""
    server.cmd("respawn-pane", "-k", "-t", f"={SESSION}:codex", *program)


@pytest.fixture(params=["memory", "tmux held", "tmux run"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    if request.param == "memory":
        yield memory_stage()
        return
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))  # a socket's path must be short
    made, server = await tmux_stage(folder, hold=request.param == "tmux held")
    yield made
    await made.terminal.close()
    if server.is_alive():
        server.kill()
    shutil.rmtree(folder)


@pytest.mark.parametrize("text", PAYLOADS.values(), ids=PAYLOADS)
async def test_a_pasted_text_arrives_byte_for_byte_and_is_submitted(stage: Stage, text: str) -> None:
    """What was pasted is what the program in the pane got, whole, and Enter came after it."""
    await stage.terminal.paste(text)
    await until(lambda: bool(stage.messages()))
    assert stage.messages() == [text]
    assert stage.keys() == ""


async def test_many_pastes_at_once_are_never_merged(stage: Stage) -> None:
    """Twenty writers at once: twenty messages, each whole."""
    texts = {f"{n} " + secrets.token_hex(50) for n in range(20)}
    await asyncio.gather(*(stage.terminal.paste(text) for text in texts))
    await until(lambda: len(stage.messages()) == len(texts))
    assert set(stage.messages()) == texts


async def test_keys_are_pressed_by_their_names(stage: Stage) -> None:
    """`Enter` and `Escape` are keys, a letter is itself, a lone `;` or `-` is no syntax."""
    await stage.terminal.press("y", ";", "-", "Enter")
    await until(lambda: stage.keys().endswith("\r"))
    assert stage.keys() == "y;-\r"


async def test_a_living_screen_is_reported_alive(stage: Stage) -> None:
    """Alive, with a server to tell from another, and nobody in front of it: our own client is no person."""
    await stage.terminal.capture(None)
    pane = await stage.terminal.pane()
    assert pane.alive
    assert len(pane.server.split()) == 2
    assert pane.people == 0


async def test_the_screen_can_be_captured(stage: Stage) -> None:
    """What is visible is captured, without the blanks that fill it up."""
    await stage.terminal.paste("grüße 漢字")
    await until(lambda: bool(stage.messages()))

    async def shown() -> bool:
        return await stage.terminal.capture(None) == "ready\ngrüße 漢字"

    await until(shown)


async def test_the_last_lines_reach_into_what_scrolled_off(stage: Stage) -> None:
    """With a number, exactly so many last lines, from the scroll-back too."""
    await stage.terminal.paste("\n".join(f"row {n}" for n in range(100)))
    await until(lambda: bool(stage.messages()))

    async def shown() -> bool:
        return await stage.terminal.capture(2) == "row 98\nrow 99"

    await until(shown)
    assert (await stage.terminal.capture(90)).split("\n") == [f"row {n}" for n in range(10, 100)]


@pytest.mark.parametrize("ending", ["end_program", "shell_instead"])
async def test_nothing_is_typed_where_codex_is_not(stage: Stage, ending: str) -> None:
    """A dead pane and a bare shell are reported, refuse text and keys; tmux and the screen live on."""
    getattr(stage, ending)()

    async def ended() -> bool:
        return not (await stage.terminal.pane()).alive

    await until(ended)
    with pytest.raises(RouteRefused):
        await stage.terminal.paste("touch it")
    with pytest.raises(RouteRefused):
        await stage.terminal.press("Enter")
    assert (await stage.terminal.pane()).server != ""
    assert "touch it" not in await stage.terminal.capture(None)
    assert stage.messages() == []


async def test_a_screen_that_is_gone_is_said_to_be_gone(stage: Stage) -> None:
    """Without its server: not alive, nothing typed, and no screen to capture."""
    stage.end_server()
    pane = await stage.terminal.pane()
    assert not pane.alive
    assert pane.server == ""
    with pytest.raises(RouteRefused):
        await stage.terminal.paste("hello")
    with pytest.raises(SessionNotRunning):
        await stage.terminal.capture(None)


@pytest.mark.parametrize("text", ["", "a\x1b[201~b", "a\rb", "a\x00b", "a\ud800b"])
async def test_a_text_that_would_act_on_the_terminal_is_refused(stage: Stage, text: str) -> None:
    """Control characters could end the paste early; they are refused before anything is sent."""
    with pytest.raises(InvalidInput):
        await stage.terminal.paste(text)
    assert stage.messages() == []
