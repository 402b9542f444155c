"""Where the engine listens, found as the docker command finds it, and whether we can talk to it that way.

Programs are held inside containers over the engine's own socket, so it has to be a plain one: neither ssh nor
TLS, which are for engines on other machines.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.core.errors import EngineUnfit, EngineUnreachable, OrchestratorError

DEFAULT_SOCKET = Path("/var/run/docker.sock")
_PLAIN = ("unix://", "tcp://", "http://")
#: The context that stands for the system's own socket.
_DEFAULT_CONTEXT = "default"


@dataclass(frozen=True, slots=True)
class Address:
    """The engine's URL and what named it; `fault` is why it cannot be used."""

    url: str
    named_by: str = ""
    fault: OrchestratorError | None = None

    @property
    def usual(self) -> bool:
        """The docker command finds it without being told."""
        return not self.named_by and self.url == f"unix://{DEFAULT_SOCKET}"

    def __str__(self) -> str:
        return f"{self.url} ({self.named_by})" if self.named_by else self.url


def choose(setting: str, environ: Mapping[str, str]) -> Address:
    """The engine of the settings where they name one, else what the environment says."""
    return given(setting, environ, "engine.host") if setting else find(environ)


def find(environ: Mapping[str, str], default: Path = DEFAULT_SOCKET) -> Address:
    """DOCKER_HOST, the docker command's context, the system's socket, or the rootless engine's."""
    if host := environ.get("DOCKER_HOST"):
        return given(host, environ, "DOCKER_HOST")
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "/nowhere"), ".docker"))
    context = environ.get("DOCKER_CONTEXT") or _current(folder)
    if context != _DEFAULT_CONTEXT:
        return _of_context(folder, context)
    rootless = Path(environ.get("XDG_RUNTIME_DIR", "/nowhere"), "docker.sock")
    return Address(f"unix://{rootless if rootless.exists() and not default.exists() else default}")


def given(url: str, environ: Mapping[str, str], named_by: str) -> Address:
    """An address that was set; the variables about TLS go with it, as for the docker command."""
    encrypted = bool(environ.get("DOCKER_TLS_VERIFY") or environ.get("DOCKER_CERT_PATH"))
    return Address(url, named_by, _fault(url, named_by, encrypted=encrypted))


def _current(folder: Path) -> str:
    """The context that `docker context use` chose; a configuration that cannot be read chooses none."""
    found = _json(folder / "config.json")
    name = found.get("currentContext") if isinstance(found, dict) else None
    return name if isinstance(name, str) and name else _DEFAULT_CONTEXT


def _of_context(folder: Path, name: str) -> Address:
    named_by = f"docker context {name}"
    key = hashlib.sha256(name.encode()).hexdigest()
    try:
        host = str(_json(folder / "contexts/meta" / key / "meta.json")["Endpoints"]["docker"]["Host"])
    except (KeyError, TypeError):
        hint = (
            "`docker context ls` shows those that there are; `docker context use default`, or set DOCKER_HOST"
        )
        fault = EngineUnreachable(f"the {named_by} names no engine", hint=hint)
        return Address("", named_by, fault)
    encrypted = (folder / "contexts/tls" / key / "docker").is_dir()
    return Address(host, named_by, _fault(host, named_by, encrypted=encrypted))


def _json(file: Path) -> Any:
    """None where there is no such file, or it is no JSON."""
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None


def _fault(url: str, named_by: str, *, encrypted: bool) -> OrchestratorError | None:
    encrypted = encrypted and not url.startswith("unix://")
    if url.startswith(_PLAIN) and not encrypted:
        return None
    how = f"{url} with TLS ({named_by})" if encrypted else f"{url} ({named_by})"
    return EngineUnfit(
        f"sessions cannot be held over {how}: the engine has to be on this machine, behind a plain socket",
        hint="run orchestrator on the engine's machine, or set DOCKER_HOST=unix:///var/run/docker.sock",
    )
