"""The files that come with the program: image recipes and the sources that go into an image.

In a checkout the recipes stand beside the package, in an installed wheel inside it.
"""

import json
from pathlib import Path

import orchestrator

PACKAGE = Path(orchestrator.__file__).parent
#: The rooms that run inside a container; the standard library is all they need there.
INSIDE = ("__init__.py", "core", "codex", "codex_connection", "supervisor")
#: The scripted model, likewise.
MODEL = ("__init__.py", "testing/__init__.py", "testing/model")


def images() -> Path:
    installed = PACKAGE / "_images"
    return installed if installed.is_dir() else PACKAGE.parent / "images"


def seccomp_file() -> Path:
    return images() / "agent" / "seccomp.json"


def seccomp_profile() -> str:
    """The profile as the engine takes it: its API wants the JSON itself, not a path."""
    return json.dumps(json.loads(seccomp_file().read_text()), separators=(",", ":"))


def sources(*names: str) -> dict[str, bytes]:
    """Path below `orchestrator/` → content, of the named modules and folders, data files and all."""
    found: dict[str, bytes] = {}
    for name in names:
        path = PACKAGE / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        found |= {file.relative_to(PACKAGE).as_posix(): file.read_bytes() for file in files if _needed(file)}
    return found


def _needed(path: Path) -> bool:
    return path.is_file() and path.suffix not in (".pyc", ".md") and path.parent.name != "__pycache__"
