"""Recordings of a terminal (asciicast v2) as values: their text, and the pace at which it is shown."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

#: As scripts/story/tell prints it.
PROMPT = "\x1b[1;32m$\x1b[0m "
CLEAR = "\x1b[H\x1b[2J"
KEYS_AT_A_TIME = 4
_SECONDS_A_STRIDE = 0.09
_SECONDS_TO_ENTER = 0.35
_SECONDS_TO_ANSWER = 0.45
_SECONDS_TO_LOOK = 0.6
_SECONDS_A_LINE = 0.22
_SECONDS_OF_POSTER = 4.0
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_STRIDE = re.compile(rf"(?:(?:{_STYLE.pattern})*[^\x1b\r\n]){{1,{KEYS_AT_A_TIME}}}(?:{_STYLE.pattern})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """`events` are (seconds since the beginning, what the terminal was sent)."""

    columns: int
    rows: int
    events: tuple[tuple[float, str], ...]

    @property
    def text(self) -> str:
        return "".join(sent for _, sent in self.events)


def read(document: str) -> Cast:
    """A ValueError if this is no asciicast v2."""
    first, *rest = document.splitlines()
    header = json.loads(first)
    if header.get("version") != 2:  # noqa: PLR2004 - the format's own name
        raise ValueError("not an asciicast of version 2")
    events = tuple((at, sent) for at, kind, sent in map(json.loads, rest) if kind == "o")
    return Cast(columns=header["width"], rows=header["height"], events=events)


def written(cast: Cast) -> str:
    header = {"version": 2, "width": cast.columns, "height": cast.rows}
    lines = [header, *([at, "o", sent] for at, sent in cast.events)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def paced(cast: Cast) -> Cast:
    """The same text at a reader's pace: what follows a prompt is typed, what a command says comes at once."""
    at, events = 0.0, []
    for seconds, sent in _beats(cast.text):
        events.append((round(at, 2), sent))
        at += seconds
    return replace(cast, events=tuple(events))


def with_poster(cast: Cast) -> Cast:
    """The last screen first: what one sees where nothing moves. It has to fit the terminal."""
    head, *rest = ((at + _SECONDS_OF_POSTER, sent) for at, sent in cast.events)
    return replace(cast, events=((0.0, cast.text), (head[0], CLEAR + head[1]), *rest))


def _beats(text: str) -> Iterator[tuple[float, str]]:
    """What is sent, each with the seconds until the next."""
    said, *commands = text.split(PROMPT)
    if said:
        yield _SECONDS_TO_LOOK, said
    for command in commands:
        typed, enter, answer = command.partition("\r\n")
        yield _SECONDS_TO_ENTER, PROMPT
        for stride in _STRIDE.findall(typed):
            yield _SECONDS_A_STRIDE, stride
        if enter:
            yield _SECONDS_TO_ANSWER, enter
        if answer:
            yield _SECONDS_TO_LOOK + _SECONDS_A_LINE * answer.count("\n"), answer
