"""The `--json` documents that the command line makes; the others are the daemon's (`client.answers`)."""

from typing import Any, TypedDict


class ErrorPart(TypedDict):
    code: str
    message: str
    hint: str


class ErrorAnswer(TypedDict):
    """What stands on stderr when something fails."""

    error: ErrorPart


class VersionAnswer(TypedDict):
    version: str


class SettingOrigin(TypedDict):
    value: Any
    origin: str


class IgnoredAnswer(TypedDict):
    path: str
    added: list[str]


class InitAnswer(TypedDict):
    """The settings file that was written, and what its .gitignore lacked; `next` is what to type."""

    path: str
    roles: list[str]
    gitignore: IgnoredAnswer
    next: list[str]


class ConfigPathAnswer(TypedDict):
    home: str
    files: list[str]
    user_file: str


class ConfigValidAnswer(TypedDict):
    ok: bool
    files: list[str]


class CompletionAnswer(TypedDict):
    shell: str
    script: str


class DaemonStopAnswer(TypedDict):
    stopped: bool
    pid: int | None


class DaemonUnitAnswer(TypedDict):
    unit: str
    path: str
    installed: bool


class DaemonLogsAnswer(TypedDict):
    path: str
    lines: list[str]


class ModelAnswer(TypedDict):
    """`url` is for this machine, `base_url` for sessions in their containers."""

    url: str
    base_url: str


class ModelUpAnswer(TypedDict):
    base_url: str


class ModelDownAnswer(TypedDict):
    removed: bool


class ImageAnswer(TypedDict):
    image: str


class ImageListed(TypedDict):
    """`created` is RFC 3339 in UTC, `size` in bytes; `current` is what this version and its settings use."""

    image: str
    kind: str
    image_id: str
    created: str
    size: int
    current: bool


class ImageRemoved(TypedDict):
    image: str
    removed: bool
