"""What is said to tmux, as values: commands, their two spellings, and how its answers are read.

A command is a tuple of words. `line` spells it for a control-mode client (tmux's own parser reads it),
`argv` for a client that is run once. Nothing here talks to tmux; `--dry-run` shows these same lines.
"""

import unicodedata
from collections.abc import Iterable, Sequence

from orchestrator.core.errors import InvalidInput
from orchestrator.core.places import TMUX_SOCKET, TOUCHED, tmux_target
from orchestrator.core.ports import Pane

Command = tuple[str, ...]

#: A client refuses a command of more than 16 KB; this leaves room for the words around the text.
LONGEST_PIECE = 15_000
#: What `typing` prints instead of typing into a pane whose program has ended, or is a mere shell.
NOBODY = "nobody-there"

_ESCAPES = str.maketrans(
    {"\\": "\\\\", '"': '\\"', "$": "\\$", "~": "\\~", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e"}
)
_SHELLS = ("sh", "ash", "bash", "dash", "fish", "ksh", "zsh")
#: What runs in a pane where nobody is to be typed to: a shell, or tmux itself, about to become the program.
_NOT_CODEX = (*_SHELLS, "tmux")
_NOBODY_THERE = "#{||:#{pane_dead},#{m/r:^-?(" + "|".join(_NOT_CODEX) + ")$,#{pane_current_command}}}"
_GONE = ("can't find", "no server running", "error connecting", "no sessions", "lost server", "server exited")
_MOST_LINES = 1_000_000


def quote(word: str) -> str:
    """The word as tmux's command parser gives it back unchanged; on one line, whatever is in it."""
    return f'"{word.translate(_ESCAPES)}"'


def line(*commands: Command) -> str:
    """One line for a control-mode client. Where a command fails, tmux drops those behind it."""
    return " ; ".join(" ".join((name, *map(quote, words))) for name, *words in commands)


def argv(socket: str, *commands: Command) -> list[str]:
    """The same for a client that is run once; a word that ends in `;` would end a command there."""
    words = ["tmux", "-u", "-N", "-S", socket]
    for number, command in enumerate(commands):
        words += [";"] if number else []
        words += [w[:-1] + "\\;" if w.endswith(";") else w for w in command]
    return words


def attach(socket: str, session_id: str) -> list[str]:
    """The control-mode client that is held open: it neither prints the pane nor counts for its size."""
    client = ["tmux", "-u", "-N", "-S", socket, "-C", "attach"]
    return [*client, "-t", f"={session_id}", "-f", "no-output,ignore-size"]


def check_typeable(text: str) -> str:
    """The text itself, or `InvalidInput` where a terminal would not carry it (it could even act on it)."""
    if not text:
        raise InvalidInput("there is nothing to type")
    if any(c not in "\n\t" and unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        raise InvalidInput("the text has control characters, which cannot be typed")
    return text


def pieces(text: str, limit: int = LONGEST_PIECE) -> list[str]:
    """The quoted inside of the text in pieces of at most `limit` bytes; no character is ever split."""
    data = text.translate(_ESCAPES).encode()
    cuts = [0]
    while len(data) - cuts[-1] > limit:
        cuts.append(_cut(data, cuts[-1] + limit))
    return [data[a:b].decode() for a, b in zip(cuts, [*cuts[1:], len(data)], strict=True)]


def _cut(data: bytes, at: int) -> int:
    """The nearest place at or before `at` that is neither inside a code point nor inside an escape."""
    while data[at] & 0xC0 == 0x80:  # noqa: PLR2004 - the mark of a UTF-8 continuation byte
        at -= 1
    backslashes = at - len(data[:at].rstrip(b"\\"))
    return at - backslashes % 2


def stage(text: str, buffer: str) -> list[str]:
    """The lines that put a text into a buffer. They can be repeated: nothing is typed yet."""
    return [
        f'set-buffer {"-a " if number else ""}-b {buffer} -- "{piece}"'
        for number, piece in enumerate(pieces(check_typeable(text)))
    ]


def load(buffer: str) -> Command:
    """The same for a client that is run once: the text comes by its stdin."""
    return ("load-buffer", "-b", buffer, "-")


def typing(session_id: str, *commands: Command) -> Command:
    """The commands guarded: tmux 3.3 dies with all its sessions when it pastes into a dead pane.

    A shell would run what is meant for codex. A pane that somebody left in copy mode is brought back
    first; it would keep Enter for itself.
    """
    target = tmux_target(session_id)
    then = line(("copy-mode", "-q", "-t", target), *commands)
    return ("if-shell", "-F", "-t", target, _NOBODY_THERE, line(("display-message", "-p", NOBODY)), then)


def submit(session_id: str, buffer: str) -> Command:
    """Paste a buffer, bracketed, drop it, and press Enter: all of it or, where one fails, no more."""
    target = tmux_target(session_id)
    return typing(
        session_id,
        ("paste-buffer", "-p", "-d", "-b", buffer, "-t", target),
        ("send-keys", "-t", target, "Enter"),
    )


def press(session_id: str, keys: Sequence[str]) -> Command:
    """Press keys by their tmux names, one after another."""
    for key in keys:
        check_typeable(key)
    if not keys:
        raise InvalidInput("there is no key to press")
    return typing(session_id, ("send-keys", "-t", tmux_target(session_id), "--", *keys))


def paste_commands(session_id: str, text: str, buffer: str) -> list[str]:
    """Every line that one message is sent with, in order."""
    return [*stage(text, buffer), line(submit(session_id, buffer))]


def capture(session_id: str, lines: int | None) -> Command:
    """The screen with wrapped lines joined, and as much of what scrolled off as can be needed."""
    depth = () if lines is None else ("-S", str(-min(lines, _MOST_LINES)))
    return ("capture-pane", "-p", "-J", *depth, "-t", tmux_target(session_id))


def read_capture(output: str, lines: int | None) -> str:
    """The text without the blanks that fill the screen up to its edges."""
    rows = [row.rstrip() for row in output.split("\n")]
    while rows and not rows[-1]:
        rows.pop()
    return "\n".join(rows if lines is None else rows[max(0, len(rows) - lines) :])


def facts(session_id: str) -> tuple[Command, Command]:
    """What `read_facts` needs to be asked."""
    touched = f"#{{?#{{==:#{{{TOUCHED}}},#{{pane_pid}}}},1,0}}"
    server = "#{pid} #{start_time} #{pane_pid}"
    pane = f"pane #{{pane_active}} #{{pane_dead}} #{{pane_pipe}} {server} {touched} #{{pane_current_command}}"
    client = "client #{client_control_mode} #{client_readonly}"
    return (
        ("list-panes", "-t", tmux_target(session_id), "-F", pane),
        ("list-clients", "-t", f"={session_id}", "-F", client),
    )


def read_facts(output: str) -> Pane:
    """The active pane, which is the one that is typed into. A shell in it is no codex: it would obey.

    People are the clients that could be typing: neither control mode nor read-only. `touched` compares with
    the process that the server's hook noted when the last of them came.
    """
    rows = [row.split(" ", 8) for row in output.splitlines()]
    active = next((row for row in rows if row[:2] == ["pane", "1"]), None)
    people = sum(row == ["client", "0", "0"] for row in rows)
    if active is None:
        return no_pane()
    _, _, dead, piped, pid, started, process, touched, program = (*active, "")[:9]
    return Pane(
        alive=dead == "0" and program.lstrip("-") not in _NOT_CODEX,
        piped=piped == "1",
        server=f"{pid} {started}",
        people=people,
        process=process,
        touched=touched == "1",
    )


def no_pane() -> Pane:
    """What is known of a screen that is not there."""
    return Pane(alive=False, piped=False, server="", people=0)


def says_gone(words: str) -> bool:
    """Whether tmux's words mean that there is no such screen, rather than a mistake of ours."""
    return words.startswith(_GONE)


def shown(commands: Iterable[Command], socket: str = TMUX_SOCKET) -> list[str]:
    """Commands as a person would type them, for `--dry-run`."""
    return [f"tmux -N -S {socket} {line(command)}" for command in commands]
