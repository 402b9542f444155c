"""`resume-all` of many sessions: after the daemon's death, and after the death of all containers."""

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.figures import Row, milliseconds
from benchmarks.plain import SERVED, plain
from benchmarks.stage import LIMIT, SCRIPT, Stage


def measure(stage: Stage) -> list[Row]:
    many = 4 if stage.few else 10
    views = [stage.launch(f"member{number}") for number in range(many)]
    alive: list[float] = []
    looks: list[float] = []
    for _ in range(stage.times(5)):
        os.kill(stage.client.daemon()["pid"], signal.SIGKILL)
        alive.append(stage.timed([SCRIPT, "resume-all"]))
        looks.append(sum(stage.timed(stage.exec(view, "true")) for view in views))
    dead, plainly = _after_death(stage, [view["container_id"] for view in views], many)
    for view in views:
        stage.remove(view)
    return [
        Row(
            what=f"`resume-all` of {many} after the daemon's death, with its start",
            ours=milliseconds(alive),
            against=f"{many} times `docker exec … true`",
            baseline=milliseconds(looks),
        ),
        Row(
            what=f"`resume-all` of {many} after the death of their containers",
            ours=milliseconds([dead]),
            against=f"`docker start` of {many} at once, codex with app-server, thread and screen",
            baseline=milliseconds([plainly]),
        ),
    ]


def _after_death(stage: Stage, names: list[str], many: int) -> tuple[float, float]:
    like = stage.client.sessions()[0]
    with plain(stage, like) as containers, ThreadPoolExecutor(many) as hands:
        list(hands.map(lambda _: containers.run(SERVED), range(many)))
        containers.kill_all()
        began = time.perf_counter()
        list(hands.map(containers.start_again, containers.made))
        plainly = time.perf_counter() - began
    os.kill(stage.client.daemon()["pid"], signal.SIGKILL)
    subprocess.run(["docker", "kill", *names], capture_output=True, timeout=LIMIT, check=True)
    return stage.timed([SCRIPT, "resume-all"]), plainly
