"""The only catch-all: every failure becomes one line, a hint and an exit code; a bug becomes a log file."""

import errno
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from orchestrator import __version__
from orchestrator.cli.invocation import ReaderLeft
from orchestrator.core.errors import Exit, OrchestratorError

INTERRUPTED = "interrupted"
#: What a write to stdout comes back with, which names no file.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


#: Their last argument is a text, which is easily typed without its quotes.
_TAKE_TEXT = {"send", "launch"}


def guarded(run: Callable[[], object]) -> int:
    """The exit code of `run`, whatever happens in it."""
    try:
        result = run()
        sys.stdout.flush()
    except OrchestratorError as error:
        return _say(error.code, error.message, error.hint, error.exit_status)
    except click.ClickException as error:
        return _usage(error)
    except (KeyboardInterrupt, click.Abort) as stop:
        return _say(INTERRUPTED, str(stop) or INTERRUPTED, "", Exit.INTERRUPTED)
    except (ReaderLeft, BrokenPipeError):
        return _reader_left()
    except OSError as error:
        return _full(error) if error.errno in _FULL and error.filename is None else _bug(error)
    except Exception as error:  # noqa: BLE001 - the documented last resort: exit 3 with a log
        return _bug(error)
    return result if isinstance(result, int) else Exit.OK


def _usage(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        _write(error.format_message())  # the help, as it is: nothing was mistaken
        return error.exit_code
    context = getattr(error, "ctx", None)
    hint = _help_hint(context) if context else ""
    message = " ".join(line.strip() for line in error.format_message().splitlines())
    if context and context.command.name in _TAKE_TEXT and message.startswith("Got unexpected extra argument"):
        hint = "a text of several words goes in quotes"
    return _say("usage", message, hint, Exit(error.exit_code))


def _help_hint(context: click.Context) -> str:
    group = isinstance(context.command, click.Group)
    does = "lists the commands and options" if group else "shows how it is used"
    return f"`{context.command_path} --help` {does}"


def _say(code: str, message: str, hint: str, status: Exit) -> int:
    if "--json" in sys.argv[1:]:
        document = {"error": {"code": code, "message": message, "hint": hint}}
        _write(json.dumps(document, ensure_ascii=False))
    elif code != INTERRUPTED:
        _write(f"error: {message}" + (f"\nhint: {hint}" if hint else ""))
    elif message != INTERRUPTED:  # else nothing is to be told, and click ended the terminal's ^C line already
        _write(message)
    return status


def _write(text: str) -> None:
    try:
        click.echo(text, err=True)
    except OSError:  # nobody reads stderr any more; the exit code still tells
        return


def _reader_left() -> int:
    """As in `orchestrator ps | head -1`: the reader has what it wanted."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.OK


def _full(error: OSError) -> int:
    """What is left in stdout's buffer has no place to go either; Python would say so once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _say(OrchestratorError.code, f"the output cannot be written: {error.strerror}", "", Exit.FAILED)


def _bug(error: Exception) -> int:
    import traceback  # noqa: PLC0415 - only a bug needs it

    path = _write_log(
        f"orchestrator {__version__}\npython {sys.version}\nargv {sys.argv[1:]!r}\n\n"
        + "".join(traceback.format_exception(error))
    )
    line = f"{type(error).__name__}: {error}".splitlines()[0]
    return _say("bug", f"this is a bug: {line}", f"the details are in {path}", Exit.BUG)


def _write_log(text: str) -> Path:
    from platformdirs import user_log_path  # noqa: PLC0415 - as above

    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    try:
        path = user_log_path("orchestrator", appauthor=False, ensure_exists=True) / name
        path.touch(mode=0o600)
    except OSError:
        import tempfile  # noqa: PLC0415 - as above

        path = Path(tempfile.mkdtemp(prefix="orchestrator-")) / name
    path.write_text(text)
    return path
