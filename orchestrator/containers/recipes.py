"""What an image is built from, and the name that follows from it. Nothing here asks the engine.

The name holds a digest of everything that makes the image what it is, so that an image which exists under
its name never has to be built again. Codex itself counts by its version: the same, wherever it comes from.
"""

import hashlib
import io
import shlex
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata, util
from pathlib import Path
from typing import IO

from orchestrator.containers import resources

CODEX_VERSION = "0.163.0"
CODEX_PACKAGE = "openai-codex-cli-bin"
#: Where Debian's and Red Hat's administrators put certificates of their own.
EXTRA_CERTIFICATES = (
    Path("/usr/local/share/ca-certificates"),
    Path("/etc/pki/ca-trust/source/anchors"),
)
#: The label of every image made here; its value is what the image is for.
KIND = "orchestrator.image"
_DIGITS = 12
_EXECUTABLE = 0o755
_PLAIN = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One image: the build context's files, folders of the host that join it, and the build's arguments."""

    repository: str
    version: str
    files: Mapping[str, bytes]
    arguments: Mapping[str, str]
    #: Path in the context → folder on the host; not part of the digest.
    folders: Mapping[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        digest = hashlib.sha256()
        for path, data in sorted(self.files.items()):
            digest.update(b"file %d %s %d\n" % (len(path), path.encode(), len(data)) + data)
        for key, value in sorted(self.arguments.items()):
            digest.update(f"argument {key}={value}\n".encode())
        return f"{self.repository}:{self.version}-{digest.hexdigest()[:_DIGITS]}"

    @property
    def labels(self) -> dict[str, str]:
        return {KIND: self.repository.removeprefix("orchestrator-")}

    def arguments_on(self, base_image: str) -> dict[str, str]:
        return {**self.arguments, "BASE_IMAGE": base_image}

    def command_line(self, base_image: str, *, fresh: bool) -> str:
        """The `docker build` that does the same, given the packed context on its standard input."""
        argv = ["docker", "build", "--rm", "--force-rm", *(["--no-cache"] if fresh else [])]
        for name, value in sorted(self.arguments_on(base_image).items()):
            argv += ["--build-arg", f"{name}={value}"]
        for name, value in self.labels.items():
            argv += ["--label", f"{name}={value}"]
        return shlex.join([*argv, "--tag", self.name, "-"])

    def pack(self, out: IO[bytes]) -> None:
        """Write the context as a tar that is the same whenever its content is: layers are found again."""
        with tarfile.open(fileobj=out, mode="w") as tar:
            for path, data in sorted(self.files.items()):
                tar.addfile(_entry(path, len(data), _PLAIN), io.BytesIO(data))
            for path, file in self._joining():
                stat = file.stat()
                mode = _EXECUTABLE if stat.st_mode & 0o100 else _PLAIN
                with file.open("rb") as content:
                    tar.addfile(_entry(path, stat.st_size, mode), content)

    def _joining(self) -> Iterator[tuple[str, Path]]:
        for path, folder in sorted(self.folders.items()):
            for file in sorted(folder.rglob("*")):
                if file.is_file() and file.suffix not in (".py", ".pyc"):
                    yield f"{path}/{file.relative_to(folder).as_posix()}", file


def agent(base_image: str, agent_uid: int, architecture: str) -> Recipe:
    """The agent image for an engine of that architecture (`x86_64`, `aarch64`)."""
    recipes = resources.images() / "agent"
    package = installed_codex(architecture)
    return Recipe(
        repository="orchestrator-agent",
        version=CODEX_VERSION,
        files={
            "Dockerfile": (recipes / "Dockerfile").read_bytes(),
            "codex/.keep": b"",
            "opt/__main__.py": (recipes / "__main__.py").read_bytes(),
            **_packaged(resources.INSIDE),
            **extra_certificates(),
        },
        arguments={
            "BASE_IMAGE": base_image,
            "CODEX_VERSION": CODEX_VERSION,
            "AGENT_UID": str(agent_uid),
        },
        folders={"codex": package} if package else {},
    )


def model(base_image: str) -> Recipe:
    """The image of the scripted model."""
    return Recipe(
        repository="orchestrator-model",
        version=metadata.version("codex-orchestrator"),
        files={
            "Dockerfile": (resources.images() / "model" / "Dockerfile").read_bytes(),
            **_packaged(resources.MODEL),
        },
        arguments={"BASE_IMAGE": base_image},
    )


def installed_codex(architecture: str) -> Path | None:
    """The folder of this Python's own codex package, where it is the wanted version for such an engine."""
    try:
        found = metadata.version(CODEX_PACKAGE)
    except metadata.PackageNotFoundError:
        return None
    spec = util.find_spec("codex_cli_bin")
    folders = spec.submodule_search_locations if spec else None
    if found != CODEX_VERSION or not folders or sys.platform != "linux":
        return None
    described = Path(folders[0], "codex-package.json")
    if not described.is_file() or f'"{architecture}-' not in described.read_text():
        return None
    return Path(folders[0])


def extra_certificates() -> dict[str, bytes]:
    """The certificates that this host's administrator added: a build behind their proxy needs them."""
    found = {"extra-ca/.keep": b""}
    for folder in EXTRA_CERTIFICATES:
        for file in sorted(folder.glob("**/*")):
            if file.suffix in (".crt", ".pem") and file.is_file():
                found[f"extra-ca/{file.stem}.crt"] = file.read_bytes()
    return found


def _packaged(rooms: tuple[str, ...]) -> dict[str, bytes]:
    return {f"opt/orchestrator/{path}": data for path, data in resources.sources(*rooms).items()}


def _entry(path: str, size: int, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = size, mode
    return entry
