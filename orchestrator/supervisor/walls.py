"""Which walls really hold the agent: a probe that tries them, as the agent, once per boot."""

import os
import re
from dataclasses import dataclass
from typing import Any

from orchestrator.core import places
from orchestrator.core.errors import TimedOut
from orchestrator.core.policies import Sandbox
from orchestrator.supervisor.processes import Finished, Launcher

_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
_PATIENCE = 20.0
_RAN, _WROTE = "the-probe-ran", "the-probe-wrote"
_TARGET = f"{places.AGENT_HOME}/.wall-probe"
_SCRIPT = f"echo {_RAN}; (echo x > {_TARGET}) 2>/dev/null && echo {_WROTE}; rm -f {_TARGET} 2>/dev/null; true"


@dataclass(frozen=True, slots=True)
class Sandboxed:
    """What became of a write outside the workspace from inside codex's sandbox."""

    verdict: str
    detail: str


async def probe(launcher: Launcher, sandbox: Sandbox) -> dict[str, Any]:
    """The `walls` of status.json."""
    own = await launcher.run("cat", "/proc/self/status")
    sandboxed = await _try_sandbox(launcher, sandbox)
    return {
        "container": container(own.output, read_only=_read_only(), sockets=_sockets()),
        "codex_sandbox": sandboxed.verdict,
        "detail": sandboxed.detail,
    }


def container(status: str, *, read_only: bool, sockets: bool) -> dict[str, Any]:
    """What a process of the agent's can do, from its `/proc/self/status`."""
    fields = dict(re.findall(r"^(\w+):\s*(\S+)$", status, re.MULTILINE))
    return {
        "no_new_privileges": fields.get("NoNewPrivs") == "1",
        "capabilities": fields.get("CapEff", "unknown"),
        "read_only_root": read_only,
        "docker_socket": sockets,
    }


def judge(finished: Finished) -> Sandboxed:
    """Read the probe's output: it has to have run, and must not have written."""
    if _RAN not in finished.output:
        return Sandboxed("broken", f"codex's sandbox does not start: {finished.why}")
    if _WROTE in finished.output:
        return Sandboxed("broken", "a sandboxed command wrote outside the workspace")
    return Sandboxed("holds", "")


async def _try_sandbox(launcher: Launcher, sandbox: Sandbox) -> Sandboxed:
    if sandbox is Sandbox.FULL_ACCESS:
        return Sandboxed("off", "the container is the only wall")
    mode = f'sandbox_mode="{sandbox.value}"'
    try:
        return judge(
            await launcher.run("codex", "sandbox", "-c", mode, "sh", "-c", _SCRIPT, patience=_PATIENCE)
        )
    except TimedOut as exc:
        return Sandboxed("broken", exc.message)


def _read_only() -> bool:
    return bool(os.statvfs("/").f_flag & os.ST_RDONLY)


def _sockets() -> bool:
    return any(os.path.exists(path) for path in _SOCKETS)  # noqa: PTH110 - two stats need no objects
