"""The facts of the machine without which a figure means nothing."""

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.stage import Stage
from orchestrator import __version__
from orchestrator.containers.recipes import CODEX_VERSION


def facts(stage: Stage) -> dict[str, str]:
    engine = stage.docker.version()
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "system": f"{_system()}, Linux {platform.release()}, Python {platform.python_version()}",
        "engine": f"{engine['Version']}, storage {stage.docker.info()['Driver']}",
        "tmux": _said(["tmux", "-V"]),
        "orchestrator": f"{__version__}, {_said(['git', 'describe', '--always', '--dirty'])}",
        "codex": CODEX_VERSION,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")


def _said(argv: Sequence[str]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
