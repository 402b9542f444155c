"""Launching one session, and ten at once, until one can write to codex, against plain containers."""

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.figures import Row, milliseconds
from benchmarks.plain import ALONE, SERVED, plain
from benchmarks.stage import SCRIPT, Stage

PLAIN = "`docker run` of the image, codex with app-server, thread and screen"
ALONE_SAID = "`docker run` of the image, codex's screen alone"


def measure(stage: Stage) -> list[Row]:
    """Each is a whole process; ten are ten processes at once, and the figure is until the last is done."""
    like = stage.launch("first")
    with plain(stage, like) as containers:
        ours: list[float] = []
        base: list[float] = []
        alone: list[float] = []
        for number in range(stage.times(5)):
            ours.append(stage.timed([SCRIPT, "launch", f"one{number}"]))
            _remove_others(stage, like["session_id"])
            base.append(containers.run(SERVED))
            alone.append(containers.run(ALONE))
            containers.clear()
        many = 4 if stage.few else 10
        with ThreadPoolExecutor(many) as hands:
            began = time.perf_counter()
            list(hands.map(stage.timed, [[SCRIPT, "launch", f"many{n}"] for n in range(many)]))
            ours_many = time.perf_counter() - began
            _remove_others(stage, like["session_id"])
            began = time.perf_counter()
            list(hands.map(lambda _: containers.run(SERVED), range(many)))
            base_many = time.perf_counter() - began
    stage.remove(like)
    return [
        Row(
            what="`orchestrator launch`, one session",
            ours=milliseconds(ours),
            against=PLAIN,
            baseline=milliseconds(base),
            ratio=1.2,
        ),
        Row(
            what="the same",
            ours=milliseconds(ours),
            against=ALONE_SAID,
            baseline=milliseconds(alone),
        ),
        Row(
            what=f"`orchestrator launch`, {many} sessions at once",
            ours=milliseconds([ours_many]),
            against=f"the same, {many} at once",
            baseline=milliseconds([base_many]),
            ratio=1.2,
        ),
    ]


def _remove_others(stage: Stage, kept: str) -> None:
    for view in stage.client.sessions(everything=True):
        if view["session_id"] != kept:
            stage.remove(view)
