"""The systemd unit that starts the daemon of one data directory after a reboot: name, text, and calls.

Pure; whoever installs it writes the file and makes the calls. The form is that of systemd.unit(5),
systemd.exec(5) and systemd.service(5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

#: What of the installer's environment the daemon needs: where git and docker are, which engine to use, whose
#: login and settings.
INHERITED = (
    "PATH",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "CODEX_HOME",
    "XDG_CONFIG_HOME",
)
#: The settings among the variables; none of them is a secret, those are in files.
_RUNTIME = "ORCHESTRATOR_RUNTIME"
_PREFIX, _JOINT = "ORCHESTRATOR_", "__"
#: A setting that cannot be used does not get better by trying again.
NOT_AGAIN = 2
RESTART_SECONDS = 5


class Scope(StrEnum):
    """Whose units systemd knows it among."""

    USER = "user"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitName:
    """A data directory's unit, as systemd is asked for it."""

    scope: Scope
    project_id: str

    def __str__(self) -> str:
        return f"orchestrator-{self.project_id}.service"

    def path(self, config_home: Path) -> Path:
        """Where it is written; `config_home` is the user's configuration directory."""
        if self.scope is Scope.SYSTEM:
            return Path("/etc/systemd/system") / str(self)
        return config_home / "systemd" / "user" / str(self)

    def systemctl(self, verb: str, *options: str) -> list[str]:
        """A call about this unit."""
        return [*self._systemctl(), verb, *options, str(self)]

    def reload(self) -> list[str]:
        """The call that has systemd read the files again."""
        return [*self._systemctl(), "daemon-reload"]

    def enable(self) -> list[list[str]]:
        """The calls that have it started at each boot, and now, even where one is just ending."""
        return [self.reload(), self.systemctl("enable"), self.systemctl("restart")]

    def disable(self) -> list[list[str]]:
        """The calls that stop it and let systemd forget it; the file is removed between the two."""
        return [self.systemctl("disable", "--now"), self.reload()]

    def _systemctl(self) -> list[str]:
        return ["systemctl", "--user"] if self.scope is Scope.USER else ["systemctl", "--no-ask-password"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit for one data directory; `python` runs this very installation, as `user` among the system's."""

    name: UnitName
    home: Path
    log: Path
    python: Path
    environment: Mapping[str, str]
    user: str = ""

    def text(self) -> str:
        return "\n".join(
            [
                "[Unit]",
                f"Description=orchestrator for {_specifier(str(self.home))}",
                # A user's docker.service is the one of rootless docker.
                "After=docker.service",
                "Wants=docker.service",
                "StartLimitIntervalSec=0",
                "",
                "[Service]",
                "Type=notify",
                *([f"User={self.user}"] if self.name.scope is Scope.SYSTEM else []),
                exec_start(self.python, self.home, self.name.scope),
                f"WorkingDirectory={_specifier(str(self.home))}",
                *(f"Environment={_string(f'{name}={value}')}" for name, value in self._kept().items()),
                f"StandardOutput=append:{_specifier(str(self.log))}",
                "Restart=on-failure",
                f"RestartSec={RESTART_SECONDS}",
                f"RestartPreventExitStatus={NOT_AGAIN}",
                "UMask=0077",
                "",
                "[Install]",
                f"WantedBy={'multi-user' if self.name.scope is Scope.SYSTEM else 'default'}.target",
                "",
            ]
        )

    def _kept(self) -> dict[str, str]:
        given = self.environment
        settings = [n for n in given if n == _RUNTIME or (n.startswith(_PREFIX) and _JOINT in n)]
        return {name: given[name] for name in (*INHERITED, *sorted(settings)) if given.get(name)}


def exec_start(python: Path, home: Path, scope: Scope) -> str:
    """The line that starts this installation's daemon."""
    return f"ExecStart={quoted(str(python))} {_arguments(home)} {quoted('--systemd')} {quoted(scope)}"


def is_for(text: str, home: Path) -> bool:
    """Whether a unit's text is one for this data directory, of whatever installation."""
    return any(line.startswith("ExecStart=") and _arguments(home) in line for line in text.splitlines())


def _arguments(home: Path) -> str:
    return " ".join(map(quoted, ["-P", "-m", "orchestrator.cli", "--home", str(home), "daemon", "run"]))


def quoted(word: str) -> str:
    """One word of a command line, as systemd hands it on; a variable in it would be replaced."""
    return _string(word.replace("$", "$$"))


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{_specifier(escaped)}"'


def _specifier(text: str) -> str:
    return text.replace("%", "%%")
