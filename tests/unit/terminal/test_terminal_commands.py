"""What is said to tmux: quoting, pieces, guards, and how its answers are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import InvalidInput
from orchestrator.core.ports import Pane
from orchestrator.terminal import commands

TYPEABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n\t\\"$~;#{}'))
UNESCAPED = {"\\n": "\n", "\\t": "\t"}


def unquoted(piece: str) -> str:
    out, rest = "", piece
    while rest:
        size = 2 if rest[0] == "\\" else 1
        out += UNESCAPED.get(rest[:size], rest[size - 1 : size])
        rest = rest[size:]
    return out


@given(TYPEABLE, st.integers(8, 40))
def test_pieces_are_bounded_in_bytes_and_give_the_text_again(text: str, limit: int) -> None:
    """No piece is longer than the limit, none ends inside an escape or a character, nothing is lost."""
    pieces = commands.pieces(text, limit)
    assert all(len(piece.encode()) <= limit for piece in pieces)
    assert "".join(unquoted(piece) for piece in pieces) == text


@given(TYPEABLE.filter(bool))
def test_every_line_of_a_paste_is_one_line_of_less_than_16_kb(text: str) -> None:
    """Whatever the text is, tmux gets whole lines, and never one that it would refuse for its length."""
    for line in commands.paste_commands("abc", text * 500, "b1"):
        assert "\n" not in line
        assert len(line.encode()) < 16_000


def test_the_first_piece_replaces_and_the_others_append() -> None:
    """`set-buffer` once, then `set-buffer -a`; text that begins with a dash stands behind `--`."""
    first, second, typing = commands.paste_commands("abc", "-" * 20_000, "b1")
    assert first.startswith('set-buffer -b b1 -- "----')
    assert second.startswith('set-buffer -a -b b1 -- "----')
    assert typing.startswith('if-shell "-F" "-t" "=abc:codex"')


def test_a_paste_presses_enter_in_the_same_line() -> None:
    """Bracketed, dropped afterwards, exact target; Enter follows only where the paste was done."""
    line = commands.paste_commands("abc", "hi", "b1")[-1].replace('\\"', '"')
    assert 'paste-buffer "-p" "-d" "-b" "b1" "-t" "=abc:codex" ; send-keys "-t" "=abc:codex" "Enter"' in line


def test_a_word_that_ends_in_a_semicolon_ends_no_command_of_a_single_run() -> None:
    """Tmux splits its arguments at a trailing `;`."""
    words = commands.argv("/s", ("send-keys", "-t", "x", "a;", ";"), ("list-panes",))
    assert words == ["tmux", "-u", "-N", "-S", "/s", "send-keys", "-t", "x", "a\\;", "\\;", ";", "list-panes"]


@pytest.mark.parametrize("text", ["", "\x1b[201~", "a\rb", "\x00", "\x7f", "\x9b", "\ud800"])
def test_what_a_terminal_would_act_on_is_refused(text: str) -> None:
    """Control characters, lone surrogates and nothing at all cannot be typed."""
    with pytest.raises(InvalidInput):
        commands.paste_commands("abc", text, "b1")


@pytest.mark.parametrize(
    ("output", "pane"),
    [
        (
            "pane 1 0 1 42 1795 7 1 codex\nclient 1 0\nclient 0 0\nclient 0 1\n",
            Pane(alive=True, piped=True, server="42 1795", people=1, process="7", touched=True),
        ),
        (
            "pane 0 0 1 42 1795 7 0 codex\npane 1 0 0 42 1795 8 0 bash",
            Pane(alive=False, piped=False, server="42 1795", people=0, process="8"),
        ),
        ("pane 1 1 0 42 1795 7 0 ", Pane(alive=False, piped=False, server="42 1795", people=0, process="7")),
        (
            "pane 1 0 0 42 1795 7 0 my tool",
            Pane(alive=True, piped=False, server="42 1795", people=0, process="7"),
        ),
        ("", Pane(alive=False, piped=False, server="", people=0)),
    ],
    ids=["a person, a reader and ourselves", "a shell in the active pane", "dead", "blanks", "nothing"],
)
def test_facts_are_those_of_the_active_pane(output: str, pane: Pane) -> None:
    """The pane that would be typed into counts; people are neither control mode nor read-only."""
    assert commands.read_facts(output) == pane


@pytest.mark.parametrize(
    ("lines", "text"), [(None, "a\n\n  b"), (1, "  b"), (3, "a\n\n  b"), (9, "a\n\n  b"), (0, "")]
)
def test_a_capture_ends_at_its_last_word(lines: int | None, text: str) -> None:
    """Blanks that fill the screen are dropped, indentation stays, a number takes the last lines."""
    assert commands.read_capture("a   \n\n  b \n\n   \n", lines) == text


def test_a_dry_run_shows_what_would_be_typed() -> None:
    """Commands read as a person would give them."""
    assert commands.shown([("capture-pane", "-p")]) == ['tmux -N -S /run/agent/tmux.sock capture-pane "-p"']
