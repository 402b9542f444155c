"""What a session costs in memory: in its container, ours apart from codex's, and in the daemon.

Proportional set size: a page that several processes share counts for each by its part.
"""

import os
from pathlib import Path

from benchmarks.figures import Row, megabytes
from benchmarks.stage import Stage
from orchestrator.client.answers import SessionView

CODEX = "codex"


def measure(stage: Stage) -> list[Row]:
    """Needs root: another user's memory map is nobody else's business.

    Raises:
        PermissionError: not run as root.
    """
    if os.geteuid():
        raise PermissionError("the memory of an agent's processes can be read by root only")
    many = 4 if stage.few else 10
    views = [stage.launch("alone")]
    stage.idle(views[0])
    alone = _in_container(stage, views[0])
    daemon_alone = _size(stage.client.daemon()["pid"])
    views += [stage.launch(f"member{number}") for number in range(many - 1)]
    for view in views:
        stage.idle(view)
    each = [_in_container(stage, view) for view in views]
    daemon_many = _size(stage.client.daemon()["pid"])
    for view in views:
        stage.remove(view)
    return [
        _inside("memory in the container of the only session, ours", [alone]),
        _inside(f"memory in the container, each of {many} sessions, ours", each),
        Row(what="memory of the daemon with one session", ours=megabytes([daemon_alone])),
        Row(
            what="memory of the daemon for each further session",
            ours=megabytes([(daemon_many - daemon_alone) / (many - 1)]),
        ),
    ]


def _inside(what: str, sizes: list[tuple[int, int]]) -> Row:
    ours, codex = (megabytes(side) for side in zip(*sizes, strict=True))
    return Row(what=what, ours=ours, against="codex's own", baseline=codex, most=15)


def _in_container(stage: Stage, view: SessionView) -> tuple[int, int]:
    """Ours (supervisor, tmux, init) and codex's, in bytes."""
    found = stage.docker.containers.get(view["container_id"]).top(ps_args="-eo pid,comm")
    ours = codex = 0
    for pid, name, *_ in found["Processes"]:
        if name.startswith(CODEX):
            codex += _size(int(pid))
        else:
            ours += _size(int(pid))
    return ours, codex


def _size(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, *rest = line.split()
        if name == "Pss:":
            return int(rest[0]) * 1024
    raise ValueError(f"the kernel does not tell the memory of process {pid}")
