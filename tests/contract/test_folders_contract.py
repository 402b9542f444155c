"""One suite for the session folders: on the in-memory twin, and on files; their owners as root."""

import json
import os
import shutil
import stat
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from orchestrator.core.errors import InvalidInput, OrchestratorError, StoreUnwritable
from orchestrator.core.places import Home, SessionFolder
from orchestrator.core.policies import Policies, Reasoning
from orchestrator.core.ports import Folders
from orchestrator.core.secret_files import LARGEST_SECRET
from orchestrator.core.session import Desired, Session
from orchestrator.store.folders import FileFolders
from orchestrator.testing.examples import a_session
from orchestrator.testing.files import InMemoryFolders

AGENT = 1234
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@dataclass
class Stage:
    """The folders, a session in them, and what its supervisor and its operator write."""

    folders: Folders
    session: Session
    supervisor_says: Callable[[dict[str, Any], str], None]
    secret_file: Callable[[str], str]
    seen: Callable[[], dict[str, str]]


def on_files(home: Path) -> Stage:
    session = a_session(agent_uid=AGENT if os.geteuid() == 0 else os.geteuid())
    folder = Home(PurePosixPath(home)).folder(session.role, session.session_id)
    session = a_session(agent_uid=session.agent_uid, workspace=str(folder.workspace))

    def says(status: dict[str, Any], thread_id: str) -> None:
        Path(folder.status_file).write_text(json.dumps(status))
        Path(folder.thread_file).write_text(json.dumps({"schema": 1, "thread_id": thread_id}))

    def secret_file(content: str) -> str:
        path = home / f"secret-{len(list(home.iterdir()))}"
        path.write_text(content)
        return str(path)

    def seen() -> dict[str, str]:
        found = Path(folder.secrets)
        return {p.name: p.read_text() for p in found.iterdir()} if found.exists() else {}

    return Stage(FileFolders(Home(PurePosixPath(home))), session, says, secret_file, seen)


def in_memory() -> Stage:
    twin, session = InMemoryFolders(), a_session()

    def says(status: dict[str, Any], thread_id: str) -> None:
        folder = twin.folder(session)
        folder.status, folder.thread_id = status, thread_id

    def secret_file(content: str) -> str:
        path = f"/secret/{len(twin.files)}"
        twin.files[path] = content
        return path

    return Stage(twin, session, says, secret_file, lambda: twin.folder(session).secrets)


@pytest.fixture(params=["twin", "files"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return in_memory() if request.param == "twin" else on_files(tmp_path)


@pytest.fixture
def real(tmp_path: Path) -> Stage:
    return on_files(tmp_path)


def folder_of(stage: Stage, tmp_path: Path) -> SessionFolder:
    return Home(PurePosixPath(tmp_path)).folder(stage.session.role, stage.session.session_id)


def test_a_session_without_a_folder_has_said_nothing(stage: Stage) -> None:
    """No status, no thread; removing nothing is no error."""
    assert stage.folders.status(stage.session) == {}
    assert stage.folders.thread_id(stage.session) == ""
    stage.folders.retire(stage.session)
    stage.folders.remove(stage.session)


def test_what_the_supervisor_writes_is_read(stage: Stage) -> None:
    """Its status and its thread."""
    stage.folders.prepare(stage.session, config="", secrets={})
    assert stage.folders.status(stage.session) == {}
    stage.supervisor_says({"phase": "ready", "boot": 2}, "thread-1")
    assert stage.folders.status(stage.session) == {"phase": "ready", "boot": 2}
    assert stage.folders.thread_id(stage.session) == "thread-1"


def test_secrets_are_copied_and_retired(stage: Stage) -> None:
    """They are there while the session may run."""
    secrets = {"token": stage.secret_file("s3cret")}
    stage.folders.prepare(stage.session, config="", secrets=secrets)
    assert stage.seen() == {"token": "s3cret"}
    stage.folders.retire(stage.session)
    assert stage.seen() == {}
    assert stage.folders.status(stage.session) == {}


def test_a_secret_without_its_file_is_refused(stage: Stage) -> None:
    """The message names it; nothing of the folder was made."""
    with pytest.raises(InvalidInput, match=r"'token'.*/nowhere"):
        stage.folders.prepare(stage.session, config="", secrets={"token": "/nowhere"})
    assert stage.seen() == {}


def test_a_folder_is_prepared_again_without_harm(stage: Stage) -> None:
    """A recreated container finds what the first one left."""
    stage.folders.prepare(stage.session, config="one", secrets={"a": stage.secret_file("1")})
    stage.supervisor_says({"boot": 1}, "thread-1")
    stage.folders.prepare(stage.session, config="two", secrets={"a": stage.secret_file("2")})
    assert stage.folders.thread_id(stage.session) == "thread-1"
    assert stage.seen() == {"a": "2"}


@needs_root
def test_the_agent_owns_what_its_container_mounts(real: Stage, tmp_path: Path) -> None:
    """With the modes that the walls rely on; nothing else of the folder is the agent's."""
    secrets = {"token": real.secret_file("x"), "codex-auth": real.secret_file("{}")}
    real.folders.prepare(real.session, config="model = 1", secrets=secrets)
    real.folders.write_order(real.session)
    folder = Path(folder_of(real, tmp_path).root)
    found = {str(p.relative_to(folder)): p.stat() for p in folder.rglob("*")}
    assert {name: oct(stat.S_IMODE(s.st_mode)) for name, s in found.items()} == {
        "private": "0o700",
        "private/session.json": "0o600",
        "codex-home": "0o700",
        "codex-home/config.toml": "0o600",
        "codex-home/auth.json": "0o600",
        "workspace": "0o755",
        "log.txt": "0o644",
        "secrets": "0o700",
        "secrets/token": "0o400",
    }
    assert {(s.st_uid, s.st_gid) for s in found.values()} == {(AGENT, AGENT)}
    assert folder.stat().st_uid == os.geteuid()


def test_codex_gets_its_configuration_and_login(real: Stage, tmp_path: Path) -> None:
    """The login stands in the codex home alone, never among the mounted secrets."""
    real.folders.prepare(real.session, config="x = 'ü'", secrets={"codex-auth": real.secret_file("{}")})
    home = Path(folder_of(real, tmp_path).codex_home)
    assert (home / "config.toml").read_text() == "x = 'ü'"
    assert (home / "auth.json").read_text() == "{}"
    assert real.seen() == {}


def test_an_order_says_what_the_supervisor_is_to_run(real: Stage, tmp_path: Path) -> None:
    """In the form that it reads."""
    policies = Policies(model="m", reasoning=Reasoning.HIGH, developer_instructions="be brief")
    real.folders.prepare(real.session, config="", secrets={})
    session = a_session(
        agent_uid=real.session.agent_uid, policies=policies, desired=Desired.STOPPED, thread_id="t1"
    )
    real.folders.write_order(session)
    assert json.loads(Path(folder_of(real, tmp_path).session_file).read_bytes()) == {
        "schema": 1,
        "session_id": session.session_id,
        "role": "builder",
        "desired": "stopped",
        "cwd": "/work",
        "model": "m",
        "reasoning": "high",
        "sandbox": "danger-full-access",
        "approval": "never",
        "developer_instructions": "be brief",
        "thread_id": "t1",
    }


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a b", "ü", "a.b", "-x"])
def test_a_secret_cannot_be_written_elsewhere(real: Stage, tmp_path: Path, name: str) -> None:
    """Its name is a file name of the secrets folder, and nothing else."""
    with pytest.raises(InvalidInput, match="cannot name a secret"):
        real.folders.prepare(real.session, config="", secrets={name: real.secret_file("x")})
    assert not Path(folder_of(real, tmp_path).root).exists()


def test_a_secret_that_would_hang_or_fill_the_memory_is_refused(real: Stage, tmp_path: Path) -> None:
    """Pipes, devices and huge files; the content never stands in the message."""
    pipe, huge = tmp_path / "pipe", tmp_path / "huge"
    os.mkfifo(pipe)
    huge.write_bytes(b"hush" * (LARGEST_SECRET // 4) + b"!")
    for path, why in (
        (pipe, "regular"),
        ("/dev/zero", "regular"),
        (huge, "more than"),
        (tmp_path, "directory"),
    ):
        with pytest.raises(InvalidInput, match=why) as told:
            real.folders.prepare(real.session, config="", secrets={"token": str(path)})
        assert "hush" not in str(told.value)


def test_a_secret_that_may_not_be_read_is_refused() -> None:
    """With the file's name; tried as a user whom modes stop."""

    def trial(home: Path) -> None:
        (home / "locked").touch(mode=0)
        with pytest.raises(InvalidInput, match="Permission denied"):
            on_files(home).folders.prepare(a_session(), config="", secrets={"token": str(home / "locked")})

    as_somebody(trial)


def test_retiring_keeps_what_was_said_and_done(real: Stage, tmp_path: Path) -> None:
    """Log, transcript and workspace stay; removing takes all, and the role's empty folder."""
    folder = folder_of(real, tmp_path)
    real.folders.prepare(real.session, config="", secrets={"a": real.secret_file("1")})
    Path(folder.transcript).write_text("{}\n")
    (Path(folder.workspace) / "made.txt").write_text("x")
    real.folders.retire(real.session)
    left = {p.name for p in Path(folder.root).iterdir()}
    assert left == {"log.txt", "transcript.ndjson", "workspace"}
    real.folders.remove(real.session)
    assert not Path(folder.root).parent.exists()


def test_removing_one_leaves_the_role_its_others(real: Stage, tmp_path: Path) -> None:
    """Only an empty folder of a role goes."""
    other = a_session("xyz0123456", agent_uid=real.session.agent_uid)
    for session in (real.session, other):
        real.folders.prepare(session, config="", secrets={})
    real.folders.remove(real.session)
    assert [p.name for p in Path(folder_of(real, tmp_path).root).parent.iterdir()] == ["xyz0123456"]


def test_folders_that_the_agent_closed_are_removed_all_the_same() -> None:
    """A read-only package cache is common; tried as a user whom modes stop."""

    def trial(home: Path) -> None:
        stage = on_files(home)
        stage.folders.prepare(stage.session, config="", secrets={})
        cache = Path(stage.session.workspace) / "a" / "b"
        cache.mkdir(parents=True)
        (cache / "file").touch(mode=0o444)
        (cache / "link").symlink_to("/etc")
        cache.chmod(0o500)
        cache.parent.chmod(0)
        stage.folders.remove(stage.session)
        assert not (home / "outputs" / "agents" / "builder").exists()

    as_somebody(trial)


def as_somebody(trial: Callable[[Path], None]) -> None:
    """Try something in a child process that is not root."""
    home = Path(tempfile.mkdtemp())
    home.chmod(0o777)
    said, saying = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(AGENT)
                os.setuid(AGENT)
            trial(home)
        except BaseException:  # noqa: BLE001 - this process is only here to say how it went
            os.write(saying, traceback.format_exc().encode()[-4000:])
        os._exit(0)
    os.close(saying)
    with os.fdopen(said, "rb") as told:
        failure = told.read().decode()
    os.waitpid(child, 0)
    shutil.rmtree(home)
    assert not failure, failure


@pytest.mark.parametrize("text", ["{", "\x00", "[" * 50_000])
def test_a_status_that_cannot_be_read_is_an_error_of_ours(real: Stage, tmp_path: Path, text: str) -> None:
    """With the file's name."""
    real.folders.prepare(real.session, config="", secrets={})
    Path(folder_of(real, tmp_path).status_file).write_text(text)
    with pytest.raises(OrchestratorError, match=r"status\.json"):
        real.folders.status(real.session)


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(real: Stage, tmp_path: Path) -> None:
    """Never a bare OSError."""
    (tmp_path / "outputs").write_text("a file in the way")
    with pytest.raises(StoreUnwritable, match="outputs"):
        real.folders.prepare(real.session, config="", secrets={})
    with pytest.raises(StoreUnwritable):
        real.folders.write_order(real.session)
