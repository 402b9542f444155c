"""The systemd unit that starts the daemon of one data directory after a reboot: name, text, and calls.

Pure; whoever installs it writes the file and makes the calls. The form is that of systemd.unit(5) and
systemd.service(5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

#: What of the installer's environment the daemon needs: where git and docker are, and which engine to use.
INHERITED = ("PATH", "DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "CODEX_HOME")
#: A setting that cannot be used does not get better by trying again.
_NOT_AGAIN = 2


class Scope(StrEnum):
    """Whose units systemd knows it among."""

    USER = "user"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit for one data directory; `python` runs this very installation."""

    scope: Scope
    project_id: str
    home: Path
    python: Path
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"orchestrator-{self.project_id}.service"

    def path(self, config_home: Path) -> Path:
        """Where it is written; `config_home` is the user's configuration directory."""
        if self.scope is Scope.SYSTEM:
            return Path("/etc/systemd/system") / self.name
        return config_home / "systemd" / "user" / self.name

    def text(self) -> str:
        argv = [str(self.python), "-P", "-m", "orchestrator.cli", "--home", str(self.home), "daemon", "run"]
        kept = {name: self.environment[name] for name in INHERITED if self.environment.get(name)}
        engine = ["After=docker.service", "Wants=docker.service"] if self.scope is Scope.SYSTEM else []
        return "\n".join(
            [
                "[Unit]",
                f"Description=orchestrator for {_specifier(str(self.home))}",
                *engine,
                "",
                "[Service]",
                f"ExecStart={' '.join(map(quoted, argv))}",
                f"WorkingDirectory={_specifier(str(self.home))}",
                *(f"Environment={_string(f'{name}={value}')}" for name, value in kept.items()),
                "Restart=on-failure",
                "RestartSec=2",
                f"RestartPreventExitStatus={_NOT_AGAIN}",
                "UMask=0077",
                "",
                "[Install]",
                f"WantedBy={'multi-user' if self.scope is Scope.SYSTEM else 'default'}.target",
                "",
            ]
        )

    def enable(self) -> list[list[str]]:
        """The calls that start it now and after each boot."""
        calls = [self._systemctl("daemon-reload"), self._systemctl("enable", "--now", self.name)]
        # Without lingering, a user's units start when he logs in and end when he logs out.
        return calls if self.scope is Scope.SYSTEM else [*calls, ["loginctl", "enable-linger"]]

    def disable(self) -> list[list[str]]:
        """The calls that stop it and let systemd forget it; the file is removed between the two."""
        return [self._systemctl("disable", "--now", self.name), self._systemctl("daemon-reload")]

    def _systemctl(self, *words: str) -> list[str]:
        return ["systemctl", *(["--user"] if self.scope is Scope.USER else []), *words]


def quoted(word: str) -> str:
    """One word of a command line, as systemd hands it on; a variable in it would be replaced."""
    return _string(word.replace("$", "$$"))


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{_specifier(escaped)}"'


def _specifier(text: str) -> str:
    return text.replace("%", "%%")
