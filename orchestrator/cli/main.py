"""The console script's entry: there before anything heavy is, so that Ctrl-C never shows a traceback."""

import os
import sys

#: `core.errors.Exit.INTERRUPTED`; nothing of ours is imported yet.
INTERRUPTED = 130

try:
    import signal
except KeyboardInterrupt:
    os._exit(INTERRUPTED)


def main() -> int:
    """The exit code of the command line; an interrupt while it is being imported ends it there and then."""
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is to be ignored
    if listens:
        signal.signal(signal.SIGINT, _end)
    from orchestrator.cli.root import run  # noqa: PLC0415 - with the handler above in place

    if listens:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run()
    except KeyboardInterrupt:  # between the handler and the guard inside, or while that one speaks
        return INTERRUPTED


def _end(_: int, __: object) -> None:
    """At once: an exception could surface inside any import. Nothing has begun yet that must be ended."""
    if "--json" in sys.argv[1:]:
        sys.stderr.write('{"error": {"code": "interrupted", "message": "interrupted", "hint": ""}}\n')
        sys.stderr.flush()
    os._exit(INTERRUPTED)
