"""The pace of a recorded session, and what its picture shows where nothing moves."""

import re

import pytest

from pictures.cast import CLEAR, KEYS_AT_A_TIME, PROMPT, Cast, paced, read, with_poster, written
from pictures.poster import poster

TYPED = "\x1b[1morchestrator ps\x1b[0m"
TABLE = "SESSION\r\nk1n3yxwg9k\r\n"


def recorded(*events: tuple[float, str]) -> Cast:
    return Cast(columns=80, rows=24, events=events)


RECORDING = recorded((0.0, PROMPT + TYPED[:9]), (0.01, TYPED[9:] + "\r\n"), (7.5, TABLE + PROMPT))


def test_the_pace_leaves_every_byte_as_it_was() -> None:
    assert paced(RECORDING).text == RECORDING.text


def test_a_command_is_typed_and_its_answer_comes_at_once() -> None:
    """Colours are no keys."""
    sent = [what for _, what in paced(RECORDING).events]
    first, *keys, enter, answer, last = sent
    assert (first, enter, answer, last) == (PROMPT, "\r\n", TABLE, PROMPT)
    assert "".join(keys) == TYPED
    assert {len(re.sub(r"\x1b\[\d*m", "", key)) for key in keys[:-1]} == {KEYS_AT_A_TIME}


def test_how_long_a_session_took_does_not_show() -> None:
    """Two recordings of the same words are the same picture, however a machine was loaded."""
    slow = recorded((0.0, PROMPT), (30.0, TYPED + "\r\n" + TABLE), (99.0, PROMPT))
    assert paced(slow) == paced(RECORDING)


def test_the_times_begin_at_nothing_and_rise() -> None:
    times = [at for at, _ in paced(RECORDING).events]
    assert times[0] == 0.0
    assert times == sorted(set(times))


def test_what_is_said_before_the_first_prompt_is_kept() -> None:
    cast = recorded((0.0, "welcome\r\n" + PROMPT))
    assert [what for _, what in paced(cast).events] == ["welcome\r\n", PROMPT]


def test_the_end_is_shown_first_and_then_cleared() -> None:
    cast = paced(RECORDING)
    (at, everything), (later, begin), *rest = with_poster(cast).events
    assert (at, everything) == (0.0, cast.text)
    assert later > at
    assert begin == CLEAR + cast.events[0][1]
    assert [what for _, what in rest] == [what for _, what in cast.events[1:]]


def test_a_cast_is_read_as_it_was_written() -> None:
    assert read(written(RECORDING)) == RECORDING


def test_keys_in_a_recording_are_no_output() -> None:
    document = '{"version": 2, "width": 80, "height": 24}\n[0.1, "i", "x"]\n[0.2, "o", "y"]\n'
    assert read(document).events == ((0.2, "y"),)


def test_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 2"):
        read('{"version": 3}\n')


def test_the_poster_is_the_first_frame_by_columns_and_without_its_empty_end() -> None:
    svg = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">
      <g id="g1"><text x="0">$ </text><text x="16">ps</text></g><g id="g2"><text x="32">OK </text></g>
      <g id="g3"/>
      <g id="screen_view">
        <g><use xlink:href="#g1"/><use xlink:href="#g3"/><use xlink:href="#g2"/><use xlink:href="#g3"/></g>
        <g><use xlink:href="#g2"/></g>
      </g></svg>"""
    assert poster(svg) == ["$ ps", "", "    OK"]
