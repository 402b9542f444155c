"""Where everything is kept: the data directory on the host, and the paths inside a container."""

from dataclasses import dataclass
from pathlib import PurePosixPath as Path

# Inside the container.
AGENT_USER = "agent"
WORK = "/work"
CODEX_HOME = "/codex-home"
AGENT_HOME = "/home/agent"
RUN = "/run/agent"
APP_SOCKET = f"{RUN}/app.sock"
TMUX_SOCKET = f"{RUN}/tmux.sock"
PRIVATE_DOOR = "/priv"
PRIVATE = f"{PRIVATE_DOOR}/rec"
PANE_LOG = "/logs/log.txt"
SECRETS = "/run/secrets"
#: The secret that is codex's own login; it becomes auth.json of the codex home and is mounted nowhere else.
CODEX_LOGIN = "codex-auth"
#: The secret that is the key of another model endpoint; codex reads it where it is mounted.
MODEL_KEY = "model-key"
WINDOW = "codex"
#: The tmux option that holds the pane's process to which a person who can type was last attached.
TOUCHED = "@touched"

# Names inside the private folder.
RECORDING = "codex.ndjson"
SESSION_FILE = "session.json"
THREAD_FILE = "thread.json"
STATUS_FILE = "status.json"


def tmux_target(session_id: str) -> str:
    """The exact target of the pane that codex's screen is in; `=` forbids prefix matching."""
    return f"={session_id}:{WINDOW}"


@dataclass(frozen=True, slots=True)
class SessionFolder:
    """One session's folder on the host. The container mounts parts of it, never the whole."""

    root: Path

    @property
    def private(self) -> Path:
        return self.root / "private"

    @property
    def recording(self) -> Path:
        return self.private / RECORDING

    @property
    def session_file(self) -> Path:
        return self.private / SESSION_FILE

    @property
    def thread_file(self) -> Path:
        return self.private / THREAD_FILE

    @property
    def status_file(self) -> Path:
        return self.private / STATUS_FILE

    @property
    def pane_log(self) -> Path:
        return self.root / "log.txt"

    @property
    def codex_home(self) -> Path:
        return self.root / "codex-home"

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def transcript(self) -> Path:
        return self.root / "transcript.ndjson"


@dataclass(frozen=True, slots=True)
class Home:
    """The data directory: one project, one daemon."""

    root: Path

    @property
    def registry(self) -> Path:
        return self.root / "registry"

    @property
    def project_file(self) -> Path:
        return self.registry / "project.json"

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    @property
    def database(self) -> Path:
        return self.outputs / "codex_observability.db"

    @property
    def daemon(self) -> Path:
        return self.outputs / "daemon"

    def folder(self, role: str, session_id: str) -> SessionFolder:
        return SessionFolder(self.outputs / "agents" / role / session_id)
