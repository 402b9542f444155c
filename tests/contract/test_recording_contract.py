"""One suite for reading a recorder's log: on the in-memory twin, and on a file."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports import Checkpoint, Recording
from orchestrator.store import recording as files
from orchestrator.store import wakeups
from orchestrator.store.recording import FileRecording
from orchestrator.store.wakeups import Wakeups
from orchestrator.testing.history import InMemoryRecording
from orchestrator.testing.waiting import until


@dataclass
class Stage:
    """A recording, and what its recorder and fate may do to it."""

    recording: Recording
    write: Callable[[bytes], None]
    renew: Callable[[], None]
    cut: Callable[[int], None]


def on_file(path: Path) -> Stage:
    def write(data: bytes) -> None:
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            file.write(data)

    def renew() -> None:
        other = path.with_name("other")
        other.touch()
        other.rename(path)

    def cut(size: int) -> None:
        with path.open("r+b") as file:
            file.truncate(size)

    return Stage(FileRecording(path), write, renew, cut)


@pytest.fixture(params=["twin", "file"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    if request.param == "file":
        return on_file(tmp_path / "private" / "codex.ndjson")
    twin = InMemoryRecording()
    return Stage(twin, twin.write, twin.renew, twin.cut)


async def read_all(recording: Recording, after: Checkpoint, limit: int = 2) -> tuple[list[bytes], Checkpoint]:
    found: list[bytes] = []
    while (chunk := await recording.read(after, limit)).lines:
        assert len(chunk.lines) <= limit
        found += chunk.lines
        after = chunk.checkpoint
    assert chunk.checkpoint == after
    return found, after


async def test_nothing_is_read_where_nothing_is(stage: Stage) -> None:
    """A recording that is not there yet is no error."""
    chunk = await stage.recording.read(Checkpoint(), 10)
    assert (chunk.lines, chunk.checkpoint) == ((), Checkpoint())


async def test_whole_lines_are_read_once(stage: Stage) -> None:
    """From each checkpoint on; the lines are counted."""
    stage.write(b"a\nb\n\nd\n")
    found, place = await read_all(stage.recording, Checkpoint())
    assert (found, place.line, place.offset) == ([b"a", b"b", b"", b"d"], 4, 7)
    assert (await stage.recording.read(place, 10)).lines == ()
    stage.write(b"e\n")
    chunk = await stage.recording.read(place, 10)
    assert (chunk.lines, chunk.checkpoint.line) == ((b"e",), 5)


async def test_a_torn_line_waits_for_its_end(stage: Stage) -> None:
    """It does not count, wherever it is torn."""
    stage.write(b"a\nbb")
    chunk = await stage.recording.read(Checkpoint(), 10)
    assert chunk.lines == (b"a",)
    assert (await stage.recording.read(chunk.checkpoint, 10)).lines == ()
    stage.write(b"b\n")
    assert (await stage.recording.read(chunk.checkpoint, 10)).lines == (b"bbb",)


async def test_another_file_is_read_from_its_start(stage: Stage) -> None:
    """Also where it is longer than the old one; the new checkpoint is of the new file."""
    stage.write(b"a\nb\n")
    _, old = await read_all(stage.recording, Checkpoint())
    stage.renew()
    assert (await stage.recording.read(old, 10)).lines == ()
    stage.write(b"x\ny\nlonger\n")
    chunk = await stage.recording.read(old, 10)
    assert (chunk.lines, chunk.checkpoint.line) == ((b"x", b"y", b"longer"), 3)
    assert chunk.checkpoint.inode != old.inode


async def test_a_shorter_file_is_read_from_its_start(stage: Stage) -> None:
    """A power failure took its end; what was read already is the reader's to know."""
    stage.write(b"a\nb\nc\n")
    _, old = await read_all(stage.recording, Checkpoint())
    stage.cut(2)
    assert (await stage.recording.read(old, 10)).lines == (b"a",)
    stage.write(b"longer than it was\n")
    assert (await stage.recording.read(old, 10)).lines == (b"a", b"longer than it was")


async def test_everybody_who_watches_hears_of_a_change(stage: Stage) -> None:
    """At the start once, then at each change; leaving is no trouble."""
    stage.write(b"a\n")
    async with aclosing(stage.recording.changes()) as one, aclosing(stage.recording.changes()) as two:
        await anext(one)
        await anext(two)
        stage.write(b"b\n")
        async with asyncio.timeout(10):
            await anext(one)
            await anext(two)


@settings(deadline=None)
@given(pieces=st.lists(st.binary(max_size=12), max_size=8), limit=st.integers(1, 4))
def test_a_recording_is_the_same_in_whatever_pieces(
    pieces: list[bytes], limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Read after each piece or at once, the lines are the same, and they are the file's."""
    stage = on_file(tmp_path_factory.mktemp("r") / "codex.ndjson")
    place, found = Checkpoint(), list[bytes]()
    for piece in pieces:
        stage.write(piece)
        more, place = asyncio.run(read_all(stage.recording, place, limit))
        found += more
    assert found == b"".join(pieces).split(b"\n")[:-1]
    assert (place.line, place.offset) == (len(found), sum(len(line) + 1 for line in found))


async def test_a_line_longer_than_a_block_is_read_whole(tmp_path: Path) -> None:
    """And what stands behind it."""
    stage = on_file(tmp_path / "codex.ndjson")
    long = b"x" * (2 * files.BLOCK + 7)
    stage.write(long)
    assert (await stage.recording.read(Checkpoint(), 10)).lines == ()
    stage.write(b"\nnext\n")
    found, _ = await read_all(stage.recording, Checkpoint())
    assert [len(line) for line in found] == [len(long), 4]


async def test_a_recording_that_cannot_be_read_is_an_error_of_ours(tmp_path: Path) -> None:
    """Never a bare OSError."""
    (tmp_path / "codex.ndjson").mkdir()
    with pytest.raises(OrchestratorError, match="cannot be read: Is a directory"):
        await FileRecording(tmp_path / "codex.ndjson").read(Checkpoint(), 10)


async def test_watching_begins_before_the_folder_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for again and again, and also when the folder goes and comes back."""
    monkeypatch.setattr(wakeups, "LOOK_ANYWAY_SECONDS", 0.02)
    stage = on_file(tmp_path / "private" / "codex.ndjson")
    async with aclosing(stage.recording.changes()) as changes, asyncio.timeout(10):
        await anext(changes)
        await anext(changes)
        stage.write(b"a\n")
        await anext(changes)
        (tmp_path / "private" / "codex.ndjson").unlink()
        (tmp_path / "private").rmdir()
        await anext(changes)
        stage.write(b"b\n")
        await anext(changes)


async def test_where_there_is_no_watch_the_recording_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel gives each user only so many."""

    def refused(*_names: object, **_options: object) -> object:
        raise OSError(24, "inotify watches are used up")

    monkeypatch.setattr(wakeups, "INotify", refused)
    monkeypatch.setattr(wakeups, "LOOK_ANYWAY_SECONDS", 1000.0)
    async with aclosing(FileRecording(tmp_path / "codex.ndjson").changes()) as changes, asyncio.timeout(10):
        for _ in range(3):
            await anext(changes)


async def test_one_inotify_serves_all_folders_and_is_let_go_with_the_last(tmp_path: Path) -> None:
    """The kernel gives each user only 128 of them; and a change in one folder wakes nobody of another."""
    heard: list[str] = []
    one = Wakeups()

    async def follow(name: str) -> None:
        async with aclosing(one.changes(tmp_path / name)) as changes:
            async for _ in changes:
                heard.append(name)  # noqa: PERF401 - one by one, as they come

    before = descriptors("inotify")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follow(name)) for name in ("a", "b", "b")]
        await until(lambda: len(heard) == 6)
        assert descriptors("inotify") == before + 1
        (tmp_path / "a" / "file").touch()
        await until(lambda: len(heard) > 6)
        assert heard[6:] == ["a"]
        for task in tasks:
            task.cancel()
    assert descriptors("inotify") == before


async def test_waiting_for_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """Not even what it would have been watched with."""
    before = descriptors("inotify")
    async with aclosing(Wakeups().changes(tmp_path / "not-there")) as changes:
        await anext(changes)
        await anext(changes)
        assert descriptors("inotify") == before


def descriptors(kind: str) -> int:
    """How many descriptors of a kind this process has."""
    targets: list[str] = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that the listing itself needed
            targets.append(str(descriptor.readlink()))
    return sum(kind in target for target in targets)
