"""`orchestrator send` as a whole process, until codex has the message, against a fresh `docker exec`."""

from benchmarks.figures import Row, milliseconds
from benchmarks.stage import SCRIPT, Stage

RAW = "`docker exec … tmux send-keys`"


def measure(stage: Stage) -> list[Row]:
    """The raw form only types: it neither knows nor says whether codex took the text."""
    view = stage.launch("sender")
    ours: list[float] = []
    waits: list[float] = []
    raw: list[float] = []
    starts: list[float] = []
    for number in range(stage.times(40)):
        text = f"message {number}"
        stage.idle(view)
        ours.append(stage.timed([SCRIPT, "send", view["session_id"], text]))
        stage.idle(view)
        waits.append(stage.timed([SCRIPT, "send", view["session_id"], text, "--no-wait"]))
        stage.idle(view)
        raw.append(stage.timed(stage.tmux(view, "send-keys", "-t", stage.target(view), text, "Enter")))
        stage.idle(view)
        starts.append(stage.timed([SCRIPT, "version"]))
    stage.remove(view)
    base = milliseconds(raw)
    return [
        Row(
            what="`orchestrator send`, whole process, to committed",
            ours=milliseconds(ours),
            against=RAW,
            baseline=base,
            ratio=1.0,
        ),
        Row(what="`orchestrator send --no-wait`", ours=milliseconds(waits), against=RAW, baseline=base),
        Row(what="`orchestrator version`", ours=milliseconds(starts), against=RAW, baseline=base),
    ]
