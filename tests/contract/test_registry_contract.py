"""One suite for the session registry: on the in-memory twin, and on files."""

import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import (
    InvalidInput,
    RecordCorrupt,
    RoleBusy,
    SessionNotFound,
    StoreUnwritable,
    TimedOut,
)
from orchestrator.core.identity import ID_ALPHABET
from orchestrator.core.places import Home
from orchestrator.core.policies import Approval, Limits, Policies, Reasoning, Sandbox
from orchestrator.core.ports import Registry
from orchestrator.core.session import Desired, Session
from orchestrator.store import registry as files
from orchestrator.store.records import decode, encode
from orchestrator.store.registry import JsonRegistry
from orchestrator.testing.examples import SESSION_ID, a_session
from orchestrator.testing.files import InMemoryRegistry


@dataclass
class Stage:
    """A registry, and a way to make one of its files unreadable; it tells the file's path."""

    registry: Registry
    spoil: Callable[[str], str]


def on_files(folder: Path) -> Stage:
    def spoil(session_id: str) -> str:
        path = folder / "registry" / f"{session_id}.json"
        path.write_bytes(b"{")
        return str(path)

    return Stage(JsonRegistry(Home(PurePosixPath(folder))), spoil)


@pytest.fixture(params=["twin", "files"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    if request.param == "files":
        return on_files(tmp_path)
    twin = InMemoryRegistry()
    return Stage(twin, twin.spoil)


def test_what_was_put_is_there(stage: Stage) -> None:
    """And a later record of the same session takes its place."""
    stage.registry.put(a_session())
    assert stage.registry.get(SESSION_ID) == a_session()
    stopped = a_session(desired=Desired.STOPPED, thread_id="t")
    stage.registry.put(stopped)
    assert (stage.registry.get(SESSION_ID), stage.registry.sessions()) == (stopped, [stopped])


def test_the_oldest_comes_first(stage: Stage) -> None:
    """Whatever the ids are."""
    old, new = a_session("zzz0123456", created_at="2026-01-01T00:00:00.000000Z"), a_session()
    new = dataclasses.replace(new, created_at="2026-01-02T00:00:00.000000Z")
    stage.registry.put(new)
    stage.registry.put(old)
    assert stage.registry.sessions() == [old, new]


@pytest.mark.parametrize("name", [SESSION_ID, "", "../../etc/passwd", "project"])
def test_what_is_not_there_is_not_found(stage: Stage, name: str) -> None:
    """A name that is no session id never leads to another file."""
    with pytest.raises(SessionNotFound):
        stage.registry.get(name)


def test_a_removed_record_is_gone(stage: Stage) -> None:
    """Removing it again is no error."""
    stage.registry.put(a_session())
    stage.registry.remove(SESSION_ID)
    assert stage.registry.sessions() == []
    stage.registry.remove(SESSION_ID)


def test_a_role_is_claimed_once(stage: Stage) -> None:
    """While its session lives; the refused record is not there. `another` allows two."""
    stage.registry.claim(a_session())
    second = a_session("xyz0123456")
    with pytest.raises(RoleBusy, match=SESSION_ID):
        stage.registry.claim(second)
    assert stage.registry.sessions() == [a_session()]
    stage.registry.claim(a_session("tst0123456", "tester"))
    stage.registry.claim(second, another=True)
    assert len(stage.registry.sessions()) == 3


@pytest.mark.parametrize("desired", [Desired.STOPPED, Desired.FINISHED])
def test_a_role_whose_session_ended_is_free(stage: Stage, desired: Desired) -> None:
    """Only a live one holds it."""
    stage.registry.put(a_session(desired=desired))
    stage.registry.claim(a_session("xyz0123456"))


def test_a_broken_record_harms_no_other(stage: Stage) -> None:
    """It is named with the reason, stays where it is, and can be set aside."""
    stage.registry.put(a_session())
    stage.registry.put(a_session("xyz0123456", "tester"))
    path = stage.spoil(SESSION_ID)
    assert [s.session_id for s in stage.registry.sessions()] == ["xyz0123456"]
    assert [(b.path, b.reason) for b in stage.registry.broken()] == [(path, "it is not a JSON object")]
    with pytest.raises(RecordCorrupt):
        stage.registry.get(SESSION_ID)
    aside = stage.registry.set_aside(path)
    assert aside.startswith(path)
    assert aside != path
    assert stage.registry.broken() == []
    with pytest.raises(SessionNotFound):
        stage.registry.get(SESSION_ID)


def test_a_new_record_heals_a_broken_one(stage: Stage) -> None:
    """Putting replaces whatever was there."""
    stage.registry.put(a_session())
    stage.spoil(SESSION_ID)
    stage.registry.put(a_session())
    assert (stage.registry.broken(), stage.registry.sessions()) == ([], [a_session()])


def test_the_project_stays_the_same(stage: Stage) -> None:
    """Eight hexadecimal digits, the same at each call."""
    project = stage.registry.project_id()
    assert len(bytes.fromhex(project)) == 4
    assert stage.registry.project_id() == project


def test_a_registry_that_is_opened_again_is_the_same(tmp_path: Path) -> None:
    """Its project and its records are on the disk; there is nothing else in the folder."""
    first = on_files(tmp_path).registry
    first.claim(a_session())
    second = on_files(tmp_path).registry
    assert (second.project_id(), second.sessions()) == (first.project_id(), [a_session()])
    names = {p.name for p in (tmp_path / "registry").iterdir()}
    assert names == {".lock", "project.json", f"{SESSION_ID}.json"}


def test_setting_aside_never_replaces_what_was_set_aside(tmp_path: Path) -> None:
    """Each gets a name of its own."""
    stage = on_files(tmp_path)
    names = {stage.registry.set_aside(stage.spoil(SESSION_ID)) for _ in range(3)}
    assert len(names) == 3
    assert all(Path(name).read_bytes() == b"{" for name in names)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ids = st.text(ID_ALPHABET, min_size=10, max_size=10)
sessions = st.builds(
    Session,
    session_id=ids,
    role=st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True),
    project_id=texts,
    created_at=texts,
    desired=st.sampled_from(Desired),
    container_name=texts,
    container_id=texts,
    image=texts,
    agent_uid=st.integers(),
    workspace=texts,
    branch=texts,
    parent=texts,
    thread_id=texts,
    policies=st.builds(
        Policies,
        model=texts,
        reasoning=st.none() | st.sampled_from(Reasoning),
        sandbox=st.sampled_from(Sandbox),
        approval=st.sampled_from(Approval),
        developer_instructions=texts,
        limits=st.builds(
            Limits,
            memory=st.integers(),
            cpus=st.floats(allow_nan=False, allow_infinity=False),
            pids=st.integers(),
        ),
    ),
    secrets=st.lists(texts, max_size=3).map(tuple),
    base_url=texts,
)


@settings(deadline=None)
@given(session=sessions)
def test_any_session_survives_its_file(session: Session) -> None:
    """Every field, and nothing but UTF-8 JSON with a schema version."""
    data = encode(session)
    assert decode(data) == session
    assert json.loads(data)["schema"] == 1


@settings(deadline=None)
@given(session=sessions, cut=st.integers(min_value=0), junk=st.binary(max_size=5))
def test_a_torn_file_is_corrupt_or_whole_never_something_else(
    session: Session, cut: int, junk: bytes
) -> None:
    """No prefix of a record, with whatever behind it, is read as another record."""
    data = encode(session)
    torn = data[: cut % len(data)] + junk
    try:
        assert decode(torn) == session
    except RecordCorrupt:
        assert torn.rstrip() != data.rstrip()


WHOLE = json.loads(encode(a_session()))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, "schema version is 2"),
        ({"schema": None}, "schema version"),
        ({"role": 7}, "role"),
        ({"desired": "flying"}, "desired"),
        ({"new_field": 1}, "new_field"),
        ({"session_id": "../x"}, "no session id"),
        ({"role": "../../../etc"}, "cannot name a role"),
        ({"policies": {}}, "policies"),
    ],
)
def test_a_record_that_is_not_ours_says_why(change: dict[str, object], said: str) -> None:
    """Of another version, or with a field too much, too few or wrong."""
    with pytest.raises(RecordCorrupt, match=said):
        decode(json.dumps({**WHOLE, **change}).encode())


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_object_is_corrupt(data: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(RecordCorrupt, match="not a JSON object"):
        decode(data)


def test_a_value_that_json_cannot_hold_is_refused_before_it_is_written() -> None:
    """The fault is named, without the value."""
    with pytest.raises(InvalidInput, match="cpus"):
        encode(a_session(policies=Policies(limits=Limits(cpus=float("inf")))))
    with pytest.raises(InvalidInput, match="is no text"):
        encode(a_session(image="\ud800"))


def test_a_record_under_another_name_is_broken(tmp_path: Path) -> None:
    """A copied file does not make a second session."""
    stage = on_files(tmp_path)
    stage.registry.put(a_session())
    folder = tmp_path / "registry"
    (folder / "xyz0123456.json").write_bytes((folder / f"{SESSION_ID}.json").read_bytes())
    assert len(stage.registry.sessions()) == 1
    assert [b.reason for b in stage.registry.broken()] == [f"it is the record of {SESSION_ID}"]


def test_a_record_that_is_a_folder_is_broken(tmp_path: Path) -> None:
    """Whatever stands under the name is reported, and never raised by listing."""
    stage = on_files(tmp_path)
    (tmp_path / "registry" / f"{SESSION_ID}.json").mkdir()
    assert stage.registry.sessions() == []
    assert [b.reason for b in stage.registry.broken()] == ["Is a directory"]
    with pytest.raises(StoreUnwritable):
        stage.registry.put(a_session())


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 1, "project_id": "../x"}'])
def test_a_project_file_that_cannot_be_read_is_never_replaced(tmp_path: Path, text: str) -> None:
    """Another project id would orphan every container."""
    on_files(tmp_path)
    path = tmp_path / "registry" / "project.json"
    path.write_text(text)
    with pytest.raises(RecordCorrupt, match=r"project\.json"):
        on_files(tmp_path)
    assert path.read_text() == text


def test_a_folder_that_is_in_the_way_is_an_error_of_ours(tmp_path: Path) -> None:
    """Never a bare OSError."""
    (tmp_path / "registry").write_text("a file")
    with pytest.raises(StoreUnwritable, match="registry"):
        on_files(tmp_path)


def test_a_folder_that_went_is_an_error_of_ours(tmp_path: Path) -> None:
    """The record cannot be written; the old error says which file."""
    stage = on_files(tmp_path)
    os.rename(tmp_path / "registry", tmp_path / "away")  # noqa: PTH104 - as an operator does
    with pytest.raises(StoreUnwritable, match=SESSION_ID):
        stage.registry.put(a_session())
    assert stage.registry.sessions() == []


def test_a_lock_that_somebody_holds_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claiming says that the registry is locked."""
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.1)
    first, second = on_files(tmp_path).registry, on_files(tmp_path).registry
    assert isinstance(first, JsonRegistry)
    with first._locked(), pytest.raises(TimedOut, match="locked"):
        second.claim(a_session())
    second.claim(a_session())
