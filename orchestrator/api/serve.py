"""The daemon's process: take the lease, listen on the unix socket, serve until told to stop."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvicorn

from orchestrator import __version__
from orchestrator.api.app import make_app
from orchestrator.api.logs import log_to_stderr
from orchestrator.core.errors import DaemonUnreachable, OrchestratorError
from orchestrator.daemon.build import build_world
from orchestrator.daemon.daemon import Daemon
from orchestrator.daemon.home import (
    DaemonRecord,
    current_socket_path,
    places,
    private_directory,
    read_daemon_record,
)
from orchestrator.daemon.lease import announce, lease, withdraw
from orchestrator.daemon.notice import Notice, notify
from orchestrator.daemon.settings import load_settings

log = structlog.get_logger()
DRAIN_SECONDS = 1
BACKLOG = 128


def run(root: Path, *, systemd: str | None = None) -> int:
    """Serve the data directory until a signal or `daemon stop`; the exit code.

    `systemd` is whose unit runs it, `user` or `system`; systemd is told when it listens and when it stops.
    """
    log_to_stderr()
    try:
        with lease(root):
            asyncio.run(_serve(root, systemd))
    except OrchestratorError as exc:
        sys.stderr.write(f"error: {exc.message}\n")
        return int(exc.exit_status)
    return 0


async def _serve(root: Path, systemd: str | None) -> None:
    settings = load_settings(root)
    path = current_socket_path(root)
    world = build_world(places(root), settings)
    daemon = Daemon(
        world,
        runtime=settings.runtime,
        socket=str(path),
        systemd=systemd,
        roles=lambda: load_settings(root).roles,
    )
    server = _Server(
        uvicorn.Config(
            make_app(daemon),
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, daemon.stopping.set)
    listening = _listen(path)
    try:
        async with daemon.running():
            _announce(root, daemon)
            stopper = asyncio.create_task(_stop_when_asked(daemon, server))
            keeper = asyncio.create_task(_keep_reachable(root, daemon, server))
            _tell(daemon, Notice.READY)
            log.info("serving", socket=str(path), pid=os.getpid(), runtime=settings.runtime)
            await server.serve(sockets=[listening])
            stopper.cancel()
            keeper.cancel()
    finally:
        withdraw(root)
        path.unlink(missing_ok=True)
    log.info("stopped")


class _Server(uvicorn.Server):
    """Without signal handlers of its own: those raise the signal again, before we let go of anything."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _stop_when_asked(daemon: Daemon, server: uvicorn.Server) -> None:
    await daemon.stopping.wait()
    _tell(daemon, Notice.STOPPING)
    server.should_exit = True


async def _keep_reachable(root: Path, daemon: Daemon, server: uvicorn.Server) -> None:
    """Bind the socket again where somebody removed it; who is connected stays so, and nothing is dropped."""
    path, complained = Path(daemon.socket), False
    async for _ in daemon.world.changes(path.parent):
        if server.should_exit or not server.started or not _is_missing(root, path):
            continue
        try:
            listening = _listen(path)
        except OrchestratorError as exc:
            if not complained:
                log.warning("socket_not_bound_again", reason=exc.message)
            complained = True
            continue
        complained, before = False, server.servers
        await server.startup(sockets=[listening])
        for deaf in before:
            deaf.close()
        log.warning("socket_bound_again", socket=str(path))


def _is_missing(root: Path, path: Path) -> bool:
    """Whether the socket is gone and this is still the directory's daemon: without its record, who knows."""
    record = read_daemon_record(root)
    return not os.path.lexists(path) and record is not None and record.pid == os.getpid()


def _tell(daemon: Daemon, notice: Notice) -> None:
    """A systemd that cannot be told loses patience by itself; that is no reason to end here."""
    if daemon.systemd is None:
        return
    try:
        notify(notice)
    except OSError as exc:
        log.warning("systemd_not_told", notice=notice, reason=exc.strerror)


def _listen(path: Path) -> socket.socket:
    """The socket, readable by its owner alone from its first moment on; the lease makes the old one stale.

    Raises:
        DaemonUnreachable: there can be no socket at this path.
        InvalidInput: its folder is not this user's alone.
    """
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o077)
    try:
        private_directory(path.parent)
        path.unlink(missing_ok=True)
        os.umask(0o177)
        listening.bind(str(path))
    except OSError as exc:
        listening.close()
        raise DaemonUnreachable(f"there can be no socket at {path}: {exc.strerror}") from exc
    except OrchestratorError:
        listening.close()
        raise
    finally:
        os.umask(before)
    listening.listen(BACKLOG)
    return listening


def _announce(root: Path, daemon: Daemon) -> None:
    announce(
        root,
        DaemonRecord(
            pid=os.getpid(),
            version=__version__,
            socket=daemon.socket,
            started_at=daemon.started_at,
            project_id=daemon.world.registry.project_id(),
        ),
    )
