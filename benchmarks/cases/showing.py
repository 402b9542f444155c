"""How long what a pane prints takes to reach a reader of the raw log, against a client of tmux."""

import subprocess
import threading
import time

from benchmarks.figures import Row, milliseconds
from benchmarks.hearing import Heard, both
from benchmarks.stage import Stage
from orchestrator.client.answers import SessionView


def measure(stage: Stage) -> list[Row]:
    """The print is a write to the pane's own terminal, by a shell that is held open beside it."""
    view = stage.launch("painter")
    ours, bare = Heard(), Heard()
    threading.Thread(target=_read_log, args=(stage, view, ours), daemon=True).start()
    argv = stage.tmux(view, "-C", "attach", "-r", "-t", f"={view['session_id']}", "-f", "ignore-size")
    client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    threading.Thread(target=_read_client, args=(client, bare), daemon=True).start()
    terminal = _said(stage.tmux(view, "display-message", "-p", "-t", stage.target(view), "#{pane_tty}"))
    shell = subprocess.Popen(stage.exec(view, "sh"), stdin=subprocess.PIPE)

    def show(number: int) -> tuple[str, float]:
        mark = f"<mark-{number:03}>"
        began = time.perf_counter()
        _tell(shell, f"printf '{mark}' >{terminal}\n")
        return mark, began

    mine, theirs = both(stage.times(40) + 1, show, ours, bare)
    for process in (shell, client):
        process.terminate()
        process.wait()
    stage.remove(view)
    return [
        Row(
            what="output of a pane → a reader of `stream --raw -f`",
            ours=milliseconds(mine[1:]),  # the first one waited for the readers
            against="→ a control-mode client, held open by `docker exec`",
            baseline=milliseconds(theirs[1:]),
        )
    ]


def _said(argv: list[str]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


def _tell(shell: "subprocess.Popen[bytes]", line: str) -> None:
    if shell.stdin is None:
        raise RuntimeError("the shell has no stdin")
    shell.stdin.write(line.encode())
    shell.stdin.flush()


def _read_log(stage: Stage, view: SessionView, heard: Heard) -> None:
    rest = b""
    for block in stage.client.log(view["session_id"], follow=True):
        rest = _hear(rest + block, heard)


def _read_client(client: "subprocess.Popen[bytes]", heard: Heard) -> None:
    for line in client.stdout or ():
        _hear(line, heard)


def _hear(data: bytes, heard: Heard) -> bytes:
    """Note every whole mark; what may be the beginning of another one is left over."""
    while (end := data.find(b">", start := max(data.find(b"<mark-"), 0))) >= 0 and data[start:].startswith(
        b"<mark-"
    ):
        heard.now(data[start : end + 1].decode())
        data = data[end + 1 :]
    return data[-64:]
