"""The end of a container's log in words."""

import json

from orchestrator.codex import recording
from orchestrator.codex.recording import Line, Source
from orchestrator.sessions.last_words import LINES_TOLD, LONGEST, in_words


def note(method: str, source: Source = Source.SUPERVISOR, **params: object) -> bytes:
    return recording.encode(Line(n=1, t=1, source=source, message={"method": method, "params": params}))


RESTARTED = note("supervisor/restarted", part="app-server", why="codex cannot be started: Permission denied")


def test_the_supervisors_notes_are_told_without_their_frame() -> None:
    """What repeats is told once, with how often."""
    log = note("supervisor/boot", boot=1, desired="running") + 9 * RESTARTED
    assert in_words(log) == (
        "boot: 1, running | restarted: app-server, codex cannot be started: Permission denied (9 times)"
    )


def test_what_is_no_note_is_told_as_it_is() -> None:
    """A traceback, a program's complaint, JSON of somebody else's; without what would move a terminal."""
    log = b"Traceback:\n\n  File x\n\x1b[2JOSError: no\tspace \xff\n" + json.dumps({"a": 1}).encode()
    assert in_words(log) == 'Traceback: | File x | [2JOSError: no space \N{REPLACEMENT CHARACTER} | {"a": 1}'


def test_codexs_own_messages_are_left_out() -> None:
    """They are many, and tell of a session that is up."""
    log = note("supervisor/boot", boot=1) + note("thread/started", Source.LIVE, id="t")
    assert in_words(log) == "boot: 1"


def test_a_note_without_words_of_its_own_is_told_by_its_name() -> None:
    """What it holds besides may be a list."""
    assert in_words(note("supervisor/stopping", details=["a"])) == "stopping"


def test_an_empty_log_says_nothing() -> None:
    """Nor does one of blank lines."""
    assert in_words(b"") == in_words(b"\n \n") == ""


def test_only_the_last_lines_are_told_and_the_longest_are_cut() -> None:
    """An error stays readable, whatever was written."""
    log = b"".join(f"{number} {'x' * 4000}\n".encode() for number in range(20))
    said = in_words(log)
    assert len(said) <= LONGEST
    assert [line[:2] for line in said.split(" | ")] == ["15", "16", "17", "18", "19"]
    assert len(said.split(" | ")) == LINES_TOLD
    assert said.endswith("x…")
