"""Envelopes as people read them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.transcript import OUTPUT_LINES, plain, render
from orchestrator.core.envelope import Direction, Draft, Envelope
from orchestrator.core.events import Event


def view(event: str, text: str = "", **more: Any) -> dict[str, Any]:
    draft = Draft(
        timestamp="2026-01-02T03:04:05.000006Z",
        type=event,
        direction=more.pop("direction", Direction.OUT),
        sender=more.pop("sender", ""),
        tags=more.pop("tags", ()),
        text=text,
        data=more,
    )
    return Envelope(seq=1, session_id="s" * 10, role="reviewer", branch="", draft=draft).to_json()


def bare(text: str, **_: Any) -> str:
    return text


def lines(*args: Any, **more: Any) -> list[str]:
    everything = more.pop("everything", False)
    return render(view(*args, **more), bare, everything=everything).split("\n")


def test_a_message_says_who_to_whom() -> None:
    """A message in names its sender and the session."""
    head, body = lines(Event.USER_MESSAGE, "Focus", direction=Direction.IN, sender="ana")
    assert head.endswith("  ana → reviewer")
    assert body == "    Focus"


def test_a_note_of_the_system_shows_its_tags() -> None:
    """What no person wrote is marked."""
    head, *_ = lines(Event.USER_MESSAGE, "x", direction=Direction.IN, sender="bot", tags=("system",))
    assert head.endswith("[system]")


def test_a_commands_output_is_cut_after_its_first_lines() -> None:
    """Twenty lines, then how many more there are."""
    output = "".join(f"line {n}\n" for n in range(1, 33))
    head, *body = lines(Event.COMMAND_COMPLETED, "make", output=output, exit_code=2)
    assert head.endswith("reviewer $ make")
    assert body[:OUTPUT_LINES] == [f"    line {n}" for n in range(1, 21)]
    assert body[OUTPUT_LINES:] == ["    … 12 more lines", "    exit 2"]


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("/bin/bash -lc 'echo hi; ls'", "echo hi; ls"),
        ("/bin/bash -lc \"echo 'x'\"", "echo 'x'"),
        ("/bin/bash -lc ls", "ls"),
        ("/bin/bash -lc 'ls' more", "/bin/bash -lc 'ls' more"),
        ("/bin/bash -c 'ls'", "/bin/bash -c 'ls'"),
        ("bash -lc 'ls'", "bash -lc 'ls'"),
        ("/bin/bash -lc 'no end", "/bin/bash -lc 'no end"),
    ],
)
def test_a_command_is_shown_without_the_shell_that_codex_puts_around_it(command: str, shown: str) -> None:
    """Exactly that wrapper and no other; also where codex asks for it, and under `-v` when it starts."""
    assert lines(Event.COMMAND_COMPLETED, command)[0].endswith(f"reviewer $ {shown}")
    assert lines(Event.APPROVAL_REQUESTED, command)[1] == f"    {shown}"
    assert lines(Event.COMMAND_STARTED, command, everything=True)[1] == f"    {shown}"


def test_a_command_that_codex_hid_is_marked() -> None:
    """What only the rollout tells is told as such."""
    assert (
        "codex did not report it"
        in lines(Event.COMMAND_COMPLETED, "cat x", hidden=True, status="declined")[-1]
    )


@pytest.mark.parametrize("event", [Event.COMMAND_STARTED, Event.TOKEN_USAGE, Event.CODEX, "of_tomorrow"])
def test_noise_is_shown_only_to_who_asks(event: str) -> None:
    """Starts, counts and unknown events need `-v`."""
    assert render(view(event, "x"), bare) == ""
    assert "x" in render(view(event, "x"), bare, everything=True)


@pytest.mark.parametrize("event", list(Event))
def test_every_event_can_be_shown(event: Event) -> None:
    """No event breaks the reader, with and without text and data."""
    for data in ({}, {"status": None, "output": None, "result": {"a": 1}, "reason": None, "exit_code": None}):
        assert render(view(event, "", **data), bare, everything=True)
        assert render(view(event, "a\nb", **data), bare, everything=True)


@given(st.text(st.characters(codec="utf-8")))
def test_nothing_that_a_terminal_obeys_gets_through(text: str) -> None:
    """Whatever an agent writes, it cannot move the cursor, set a title or turn text around."""
    shown = plain(text)
    assert not [c for c in shown if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0]
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\r\nb", "a\nb"),
        ("tab\tstays é 漢", "tab\tstays é 漢"),
        ("\x9b31mred", "31mred"),
        ("back\x08space", "backspace"),
    ],
)
def test_escape_sequences_leave_their_text(raw: str, shown: str) -> None:
    """Colours and titles go, words stay."""
    assert plain(raw) == shown
