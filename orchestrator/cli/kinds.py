"""Callbacks of options that click has no types for; a refusal names the option and what would do instead."""

import math
from typing import Any

import click

from orchestrator.core.errors import InvalidInput
from orchestrator.core.words import LONGEST_LINE, MOST_TAGS, check_line


class Number(click.IntRange):
    """A whole number from `min` on, up to `max` if there is one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            most = f"of {self.min} or more" if self.max is None else f"from {self.min} to {self.max}"
            self.fail(f"{value!r} is not a number {most}.", param, ctx)


def name(_: click.Context, param: click.Parameter, given: str | None) -> str | None:
    """One line, as short as a name; an empty one is as good as none."""
    return given and check_line(given, param.opts[0])


def line(_: click.Context, param: click.Parameter, given: str | None) -> str | None:
    """As `name`, and longer."""
    return given and check_line(given, param.opts[0], LONGEST_LINE)


def tags(_: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Names, none of them empty, and not too many."""
    option = param.opts[0]
    if len(given) > MOST_TAGS:
        raise InvalidInput(f"{option} is given {len(given)} times", hint=f"{MOST_TAGS} are the most")
    for word in given:
        if not check_line(word, option):
            raise InvalidInput(f"{option} is empty", hint="give it a word, or leave it out")
    return given


def processors(_: click.Context, param: click.Parameter, given: str | None) -> float | None:
    """A number of processors, whole or not."""
    if given is None:
        return None
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInput(
            f"{param.opts[0]} {given!r} is no number of processors", hint="write it like 2 or 0.5"
        )
    return number
