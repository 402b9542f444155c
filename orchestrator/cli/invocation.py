"""What holds for one command line: the options that every verb has."""

import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from orchestrator.daemon.home import HOME_VARIABLE, resolve_home


class Color(StrEnum):
    """When output is coloured; `auto` means on a terminal, unless the environment says no."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(slots=True)
class Invocation:
    """The common options, gathered from before and after the verb."""

    home: str | None = None
    json: bool = False
    quiet: bool = False
    verbosity: int = 0
    color: Color = Color.AUTO

    def home_path(self) -> Path:
        return resolve_home(self.home, os.environ, Path.cwd())

    def names_home(self) -> bool:
        """Whether a person named the data directory, rather than leaving it to its usual places."""
        return bool(self.home or os.environ.get(HOME_VARIABLE))

    def wants_color(self) -> bool:
        """`--color`, then NO_COLOR, FORCE_COLOR, TERM=dumb, then whether stdout is a terminal."""
        if self.color is not Color.AUTO:
            return self.color is Color.ALWAYS
        if os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("FORCE_COLOR"):
            return True
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    def note(self, text: str) -> None:
        """A hint for people, on stderr; `--quiet` silences it."""
        if not self.quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """What has to be known, on stderr, quiet or not."""
        click.echo(f"warning: {text}", err=True)

    def detail(self, text: str) -> None:
        """A line for the curious, on stderr."""
        if self.verbosity and not self.quiet:
            click.echo(text, err=True)

    def progress(self, text: str) -> None:
        """A step of a long operation: for people at a terminal, or who asked for it."""
        if not self.quiet and (self.verbosity or sys.stderr.isatty()):
            click.echo(text, err=True)


def current() -> Invocation:
    """The invocation of the command that runs."""
    return click.get_current_context().ensure_object(Invocation)


def _remember(name: str) -> Any:
    def callback(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None and value is not False and value != 0:
            setattr(ctx.ensure_object(Invocation), name, Color(value) if name == "color" else value)

    return callback


def common_options() -> list[click.Option]:
    """A fresh set: click's options belong to one command each."""
    colors = click.Choice([c.value for c in Color])
    return [
        _common("home", "--home", metavar="DIR", help="The data directory (ORCHESTRATOR_HOME)."),
        _common("json", "--json", is_flag=True, help="Print one JSON document."),
        _common(
            "quiet",
            "-q",
            "--quiet",
            is_flag=True,
            help="No hints, no progress, bare answers; warnings and errors stay.",
        ),
        _common("verbosity", "-v", "--verbose", count=True, help="Say more about what is done."),
        _common("color", "--color", type=colors, help="When to colour (NO_COLOR and FORCE_COLOR count too)."),
    ]


def _common(field: str, *names: str, **details: Any) -> click.Option:
    """An option whose value goes into a field of the invocation."""
    return click.Option(names, expose_value=False, callback=_remember(field), **details)


class ReaderLeft(Exception):
    """Nobody reads our output any more. Click would make an exit 1 of a BrokenPipeError."""


class Verb(click.Command):
    """A command with the common options at its end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += common_options()

    def invoke(self, ctx: click.Context) -> Any:
        ctx.color = ctx.ensure_object(Invocation).wants_color()
        try:
            return super().invoke(ctx)
        except BrokenPipeError as exc:
            raise ReaderLeft from exc


class Verbs(click.Group):
    """A verb that has verbs of its own."""

    command_class = Verb
