"""The way in: reads the orders, opens the log, lives, and gives the exit code. Run as root under an init."""

import asyncio
import os
import sys
import time
import traceback

from orchestrator.core import places
from orchestrator.supervisor import privileges
from orchestrator.supervisor.ending import Code, Ending, Fatal, Hopeless, at_start
from orchestrator.supervisor.log import Echo, Log
from orchestrator.supervisor.order import BadOrder, Order, parse
from orchestrator.supervisor.private import PrivateFolder
from orchestrator.supervisor.processes import Launcher
from orchestrator.supervisor.recorder import Recorder
from orchestrator.supervisor.status import Phase, StatusBoard
from orchestrator.supervisor.supervisor import Supervisor


def main() -> int:
    """The exit code of the container."""
    agent = privileges.agent()
    folder = PrivateFolder(agent)
    board = StatusBoard(folder, _now)
    try:
        order = _order(folder)
        if (ending := at_start(order.desired)) is not None:
            board.remember()
        else:
            _watch_children()
            ending = asyncio.run(_live(order, folder, board))
    except Fatal as exc:
        ending = exc.ending
    except Exception as exc:  # noqa: BLE001 - the outermost edge: a bug ends the container with its reason
        traceback.print_exc()
        ending = Ending(Code.FAILURE, f"a bug: {exc!r}", failed=True)
    try:
        board.update(
            phase=Phase.FAILED if ending.failed else Phase.STOPPED, reason=ending.why, app_server_pid=0
        )
    except Fatal as exc:
        sys.stderr.write(f"supervisor: {exc}\n")
    if ending.failed:
        sys.stderr.write(f"supervisor: {ending.why}\n")
    return ending.code


async def _live(order: Order, folder: PrivateFolder, board: StatusBoard) -> Ending:
    recorder = Recorder(Log(folder.open_log(places.RECORDING), _now, Echo()))
    agent = privileges.agent()
    _enter(agent, order.cwd)
    supervisor = Supervisor(
        order=order, folder=folder, launcher=Launcher(agent), recorder=recorder, board=board, now=_now
    )
    ending = await supervisor.run()
    recorder.say("exit", code=int(ending.code), why=ending.why, details=list(ending.details))
    recorder.finish()
    return ending


def _enter(agent: privileges.Agent, workspace: str) -> None:
    try:
        agent.enter(workspace)
    except PermissionError as exc:
        why = f"the agent (uid {agent.uid}) may not enter {workspace}: {exc.strerror}"
        todo = "open the workspace to it and run `orchestrator resume-all`, or launch with another one"
        raise Hopeless(f"{why}; {todo}") from exc
    except OSError as exc:
        raise Fatal(f"{workspace} cannot be entered: {exc.strerror}") from exc


def _order(folder: PrivateFolder) -> Order:
    try:
        return parse(folder.read_json(places.SESSION_FILE) or {})
    except (BadOrder, ValueError) as exc:
        raise Fatal(f"there is no order to follow: {exc}") from exc


def _watch_children() -> None:
    """Learn of children's deaths by pidfd where the kernel and seccomp let us: no thread for each child."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return
    asyncio.set_child_watcher(asyncio.PidfdChildWatcher())


def _now() -> int:
    return time.time_ns() // 1000
