"""The store against death and broken disks: real processes, real kills, real file systems."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.core.envelope import Envelope
from orchestrator.core.errors import OrchestratorError, StoreUnwritable, TimedOut
from orchestrator.core.ports import Checkpoint
from orchestrator.store.database import SqliteEventStore
from orchestrator.store.migrations import scripts
from orchestrator.store.reader import THREADS, Reader
from orchestrator.store.transcript import NdjsonTranscript
from orchestrator.store.writer import Writer
from orchestrator.testing.examples import SESSION_ID, a_draft, a_receipt, a_session
from orchestrator.testing.waiting import until

Program = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[[], SqliteEventStore]]:
    """Stores on one file; all are closed at the end."""
    stores: list[SqliteEventStore] = []

    def open_one() -> SqliteEventStore:
        stores.append(SqliteEventStore(tmp_path / "events.db"))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Python programs that are gone at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(source: str, *args: str, limit: int | None = None) -> subprocess.Popen[bytes]:
        number = len(started)
        path = tmp_path / f"program{number}.py"
        path.write_text(source)
        argv = [sys.executable, str(path), *args]
        if limit is not None:
            argv = ["prlimit", f"--fsize={limit}", *argv]
        started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=20)


APPENDING = """
import asyncio, sys
from pathlib import Path
from orchestrator.core.ports import Checkpoint
from orchestrator.store.database import SqliteEventStore
from orchestrator.testing.examples import a_draft, a_receipt, a_session

async def main():
    store, session = SqliteEventStore(Path(sys.argv[1])), a_session()
    place = await store.checkpoint(session.session_id)
    while True:
        n = place.line + 1
        new = Checkpoint(offset=10 * n, inode=1, line=n, time=n)
        texts = [f"{n}.{part}" for part in range(n % 4 + 1)]
        made = await store.append(session, [a_draft(t) for t in texts], checkpoint=new, after=place,
                                  receipts=[a_receipt("last", text=str(n))])
        assert len(made) == len(texts)
        place = new
        sys.stdout.write(f"{n}\\n")
        sys.stdout.flush()

asyncio.run(main())
"""


def expected(lines: int) -> list[str]:
    return [f"{n}.{part}" for n in range(1, lines + 1) for part in range(n % 4 + 1)]


async def test_a_killed_writer_leaves_whole_commits(
    tmp_path: Path, program: Program, opened: Callable[[], SqliteEventStore]
) -> None:
    """Killed again and again: seqs have no hole, the checkpoint fits, and what was told is there."""
    told = 0
    for _ in range(6):
        process = program(APPENDING, str(tmp_path / "events.db"))
        assert process.stdout is not None
        for _ in range(25):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split(b"\n")[:-1]
        told = int(rest[-1]) if rest else told
        process.wait(timeout=20)
    store = opened()
    place = await store.checkpoint(SESSION_ID)
    found = (await store.read(SESSION_ID, 0, 1_000_000)).envelopes
    assert place.line >= told
    assert [e.draft.text for e in found] == expected(place.line)
    assert [e.seq for e in found] == list(range(1, len(found) + 1))
    assert (await store.receipt("last")).text == str(place.line)
    assert await store.check() == []


async def test_two_processes_that_collect_store_each_line_once(
    tmp_path: Path, program: Program, opened: Callable[[], SqliteEventStore]
) -> None:
    """Whoever is second with a checkpoint goes on from the stored one."""
    source = APPENDING.replace("assert len(made) == len(texts)", "").replace(
        "place = new", "place = new if made else await store.checkpoint(session.session_id)"
    )
    both = [program(source, str(tmp_path / "events.db")) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        for _ in range(30):
            assert process.stdout.readline()
    for process in both:
        assert process.poll() is None
        process.kill()
        process.wait(timeout=20)
    store = opened()
    place = await store.checkpoint(SESSION_ID)
    found = (await store.read(SESSION_ID, 0, 1_000_000)).envelopes
    assert [e.draft.text for e in found] == expected(place.line)
    assert place.line >= 30


CLAIMING = """
import sys
from pathlib import PurePosixPath
from orchestrator.core.errors import RoleBusy
from orchestrator.core.places import Home
from orchestrator.store.registry import JsonRegistry
from orchestrator.testing.examples import a_session

registry = JsonRegistry(Home(PurePosixPath(sys.argv[1])))
print(registry.project_id(), flush=True)
for line in sys.stdin:
    try:
        registry.claim(a_session(sys.argv[2], line.strip()))
        print("won", flush=True)
    except RoleBusy:
        print("busy", flush=True)
"""


def test_of_three_processes_that_claim_a_role_one_wins(tmp_path: Path, program: Program) -> None:
    """In each of many rounds; and all three found the same project at the same start."""
    ids = ["aaa0123456", "bbb0123456", "ccc0123456"]
    racers = [program(CLAIMING, str(tmp_path), name) for name in ids]
    assert len({process.stdout.readline() for process in racers if process.stdout}) == 1
    for number in range(20):
        for process in racers:
            assert process.stdin is not None
            process.stdin.write(f"role{number}\n".encode())
            process.stdin.flush()
        said = sorted(process.stdout.readline() for process in racers if process.stdout)
        assert said == [b"busy\n", b"busy\n", b"won\n"]
        for name in ids:
            (tmp_path / "registry" / f"{name}.json").unlink(missing_ok=True)


async def test_a_database_is_made_once_by_many(opened: Callable[[], SqliteEventStore]) -> None:
    """Several that open a new file at the same moment all get on."""
    stores = [opened() for _ in range(5)]
    await asyncio.gather(*(s.append(a_session(), [a_draft("x")]) for s in stores for _ in range(4)))
    reads = [s.read(SESSION_ID, 0, 100) for s in stores]
    assert {len(page.envelopes) for page in await asyncio.gather(*reads)} == {20}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], check=True, timeout=20)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True, timeout=20)


async def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path) -> None:
    """What was answered stays readable; as soon as there is room, the same writer goes on without a hole."""
    store = SqliteEventStore(small_disk / "events.db")
    await store.append(a_session(), [a_draft("first")], checkpoint=Checkpoint(offset=1, inode=1, line=1))
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(b"x" * 2_000_000)

    async def fill() -> None:
        while True:
            await store.append(a_session(), [a_draft("x" * 20_000)])

    for _ in range(2):
        with pytest.raises(StoreUnwritable):
            await fill()
    stored = (await store.latest(SESSION_ID, 1)).envelopes[0].seq
    assert (await store.checkpoint(SESSION_ID)).line == 1
    ballast.unlink()
    assert [e.seq for e in await store.append(a_session(), [a_draft("later")])] == [stored + 1]
    assert await store.check() == []
    await store.close()


def test_a_transcript_on_a_full_disk_has_whole_lines_only(small_disk: Path) -> None:
    """Half a line that still fitted is taken back, and what is missing is written when there is room."""
    path = small_disk / "transcript.ndjson"
    transcript = NdjsonTranscript(path)
    envelopes = [
        Envelope(seq=n, session_id=SESSION_ID, role="builder", branch="", draft=a_draft("x" * 30_000))
        for n in range(1, 11)
    ]
    transcript.append(envelopes[:2])
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 900_000)
    with pytest.raises(StoreUnwritable, match="No space left"):
        transcript.append(envelopes)
    assert path.stat().st_size % len(envelopes[0].to_line()) != 0
    ballast.unlink()
    transcript.append(envelopes)
    assert path.read_bytes() == b"".join(e.to_line() for e in envelopes)


async def test_a_file_that_may_not_grow_refuses(tmp_path: Path, program: Program) -> None:
    """The limit of a process is like a full disk: an error of ours, and the process lives on."""
    source = """
import asyncio, signal, sys
from pathlib import Path
from orchestrator.core.errors import StoreUnwritable
from orchestrator.store.database import SqliteEventStore
from orchestrator.testing.examples import a_draft, a_session

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = SqliteEventStore(Path(sys.argv[1]))
    count = 0
    try:
        while True:
            await store.append(a_session(), [a_draft("x" * 10_000)])
            count += 1
    except StoreUnwritable:
        page = await store.read(a_session().session_id, 0, 1000)
        print(count == len(page.envelopes), count > 3, await store.check(), flush=True)

asyncio.run(main())
"""
    process = program(source, str(tmp_path / "events.db"), limit=300_000)
    assert process.stdout is not None
    assert process.stdout.readline() == b"True True []\n"


async def test_garbage_is_never_taken_for_a_store(
    tmp_path: Path, opened: Callable[[], SqliteEventStore]
) -> None:
    """Every call says that it cannot; the garbage is left as it is, and a healed file is taken up again."""
    path = tmp_path / "events.db"
    first = opened()
    await first.append(a_session(), [a_draft("kept")])
    await first.close()
    good, bad = path.read_bytes(), b"this is no database" * 1000
    path.write_bytes(bad)
    store = opened()
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: store.append(a_session(), [a_draft("x")]),
        lambda: store.read(SESSION_ID, 0, 1),
        lambda: store.latest(SESSION_ID, 1),
        lambda: store.checkpoint(SESSION_ID),
        lambda: store.receipts(SESSION_ID),
        lambda: store.forget(SESSION_ID),
        store.check,
    ]
    for call in calls:
        with pytest.raises(StoreUnwritable, match="not a database"):
            await call()
    assert path.read_bytes() == bad
    path.write_bytes(good)
    assert [e.seq for e in await store.append(a_session(), [a_draft("x")])] == [2]
    assert len((await store.read(SESSION_ID, 0, 9)).envelopes) == 2


@pytest.mark.parametrize("seed", range(8))
async def test_a_store_that_is_overwritten_while_it_is_open_raises_our_errors_only(
    tmp_path: Path, opened: Callable[[], SqliteEventStore], seed: int
) -> None:
    """Whatever of it is damaged, and whatever is asked then."""
    path = tmp_path / "events.db"
    first = opened()
    await first.append(a_session(), [a_draft("x" * 5000) for _ in range(20)], receipts=[a_receipt("m")])
    await first.close()
    store = opened()
    await store.read(SESSION_ID, 0, 1)
    data = bytearray(path.read_bytes())
    for place in range(seed * 512, len(data), 4096):
        data[place : place + 64] = bytes([seed + 1] * 64)
    path.write_bytes(data)
    for call in (store.append(a_session(), [a_draft("y")]), store.read(SESSION_ID, 0, 99), store.check()):
        try:
            await call
        except OrchestratorError as exc:
            assert isinstance(exc, StoreUnwritable)  # noqa: PT017 - not raising is fine as well


async def test_a_row_that_cannot_be_read_is_an_error_of_ours(
    tmp_path: Path, opened: Callable[[], SqliteEventStore]
) -> None:
    """The others still can."""
    store = opened()
    await store.append(a_session(), [a_draft("a"), a_draft("b")], receipts=[a_receipt("m")])
    with sqlite3.connect(tmp_path / "events.db") as other:
        other.execute("update events set envelope = '{}' where seq = 1")
        other.execute("update outbox set receipt = 'x'")
    other.close()
    with pytest.raises(StoreUnwritable, match="cannot be read"):
        await store.read(SESSION_ID, 0, 9)
    with pytest.raises(StoreUnwritable, match="cannot be read"):
        await store.receipt("m")
    assert len((await store.read(SESSION_ID, 1, 9)).envelopes) == 1


async def test_a_missing_event_is_found(tmp_path: Path, opened: Callable[[], SqliteEventStore]) -> None:
    """`check` names the session and the numbers, in the middle and at the end."""
    store = opened()
    for name in ("abc0123456", "xyz0123456"):
        await store.append(a_session(name), [a_draft(t) for t in "abc"])
    with sqlite3.connect(tmp_path / "events.db") as other:
        other.execute("delete from events where session_id = 'abc0123456' and seq = 2")
        other.execute("delete from events where session_id = 'xyz0123456' and seq = 3")
    other.close()
    faults = await store.check()
    assert [fault.split(":")[0] for fault in faults] == ["abc0123456", "xyz0123456"]


async def test_a_store_of_a_newer_program_is_refused(
    tmp_path: Path, opened: Callable[[], SqliteEventStore]
) -> None:
    """For reading and for writing, and nothing in it is changed."""
    with sqlite3.connect(tmp_path / "events.db") as other:
        other.execute(f"pragma user_version = {len(scripts()) + 1}")
    other.close()
    store = opened()
    for call in (store.append(a_session(), [a_draft("x")]), store.read(SESSION_ID, 0, 1)):
        with pytest.raises(StoreUnwritable, match="version") as told:
            await call
        assert "newer" in told.value.hint
    with sqlite3.connect(tmp_path / "events.db") as other:
        assert other.execute("select count(*) from sqlite_master").fetchone() == (0,)
    other.close()


async def test_a_store_that_another_program_locks_says_so_and_goes_on(
    tmp_path: Path, opened: Callable[[], SqliteEventStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading is not disturbed meanwhile."""
    monkeypatch.setattr("orchestrator.store.database.BUSY_SECONDS", 0.1)
    store = opened()
    await store.append(a_session(), [a_draft("a")])
    other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(StoreUnwritable, match="locked"):
        await store.append(a_session(), [a_draft("b")])
    assert len((await store.read(SESSION_ID, 0, 9)).envelopes) == 1
    other.execute("rollback")
    other.close()
    assert [e.seq for e in await store.append(a_session(), [a_draft("b")])] == [2]


@pytest.mark.parametrize("gone", ["removed", "replaced"])
async def test_a_file_that_went_takes_no_commit(
    tmp_path: Path, opened: Callable[[], SqliteEventStore], gone: str
) -> None:
    """Else all would be answered and nothing kept."""
    store = opened()
    await store.append(a_session(), [a_draft("a")])
    path = tmp_path / "events.db"
    path.rename(tmp_path / "away.db")
    if gone == "replaced":
        path.write_bytes(b"")
    with pytest.raises(StoreUnwritable):
        await store.append(a_session(), [a_draft("b")])


async def test_a_place_where_nothing_can_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "outputs").write_text("")
    store = SqliteEventStore(tmp_path / "outputs" / "events.db")
    with pytest.raises(StoreUnwritable, match="outputs"):
        await store.append(a_session(), [a_draft("a")])
    with pytest.raises(StoreUnwritable, match="outputs"):
        await store.read(SESSION_ID, 0, 1)
    await store.close()


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that can be made read-only, as a file system that met errors is."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(disk)], check=True, timeout=20)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True, timeout=20)


async def test_a_read_only_disk_refuses_and_can_be_read(read_only_disk: Path) -> None:
    """When it can be written again, the same writer goes on."""
    store = SqliteEventStore(read_only_disk / "events.db")
    await store.append(a_session(), [a_draft("a")])
    await store.close()
    _remount(read_only_disk, "ro")
    store = SqliteEventStore(read_only_disk / "events.db")
    with pytest.raises(StoreUnwritable):
        await store.append(a_session(), [a_draft("b")])
    _remount(read_only_disk, "rw")
    assert [e.seq for e in await store.append(a_session(), [a_draft("b")])] == [2]
    await store.close()


def _remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True, timeout=20)


async def test_a_caller_that_leaves_before_its_turn_stores_nothing(
    opened: Callable[[], SqliteEventStore],
) -> None:
    """And disturbs nobody; one that leaves later leaves a whole commit."""
    store = opened()
    await store.append(a_session(), [a_draft("first")])
    held, going = threading.Event(), threading.Event()

    def slow(_: sqlite3.Connection) -> None:
        held.set()
        going.wait(20)

    holding = asyncio.create_task(store._writer.ask(slow))
    await asyncio.to_thread(held.wait, 20)
    leaving = asyncio.create_task(store.append(a_session(), [a_draft("left")]))
    staying = asyncio.create_task(store.append(a_session(), [a_draft("stayed")]))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    holding.cancel()
    going.set()
    assert [e.seq for e in await staying] == [2]
    assert [e.draft.text for e in (await store.read(SESSION_ID, 0, 9)).envelopes] == ["first", "stayed"]


async def test_a_disk_that_does_not_answer_ends_in_time() -> None:
    """What waited its turn was not stored, and says so; of what had begun nobody knows."""
    held, going = threading.Event(), threading.Event()
    writer = Writer(lambda: sqlite3.connect(":memory:", isolation_level=None), answer_seconds=0.2)

    def slow(_: sqlite3.Connection) -> None:
        held.set()
        going.wait(20)

    begun = asyncio.create_task(writer.ask(slow))
    await asyncio.to_thread(held.wait, 20)
    done: list[int] = []
    with pytest.raises(StoreUnwritable, match="nothing was stored"):
        await writer.ask(lambda _: done.append(1))
    with pytest.raises(TimedOut):
        await begun
    with pytest.raises(TimedOut):
        await writer.close()
    going.set()
    await until(lambda: not writer._thread.is_alive())
    assert done == []


async def test_a_writer_outlives_whatever_is_thrown_at_it() -> None:
    """A bug in one request, or in opening, ends neither the thread nor the requests beside it."""
    faults = [RuntimeError("opening"), sqlite3.OperationalError("opening"), None]

    def connect() -> sqlite3.Connection:
        fault = faults.pop(0)
        if fault is not None:
            raise fault
        return sqlite3.connect(":memory:", isolation_level=None)

    def buggy(_: sqlite3.Connection) -> int:
        raise RuntimeError("a bug")

    writer = Writer(connect)
    for _ in range(2):
        with pytest.raises(StoreUnwritable, match="opening"):
            await writer.ask(lambda _: 1)
    said = await asyncio.gather(
        writer.ask(lambda _: 1), writer.ask(buggy), writer.ask(lambda _: 2), return_exceptions=True
    )
    assert (said[0], said[2]) == (1, 2)
    assert isinstance(said[1], OrchestratorError)
    await writer.close()


async def test_a_reader_that_met_a_fault_opens_the_file_anew() -> None:
    """And one that did not keeps its connection."""
    opened = 0

    def connect() -> sqlite3.Connection:
        nonlocal opened
        opened += 1
        return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)

    def broken(_: sqlite3.Connection) -> None:
        raise sqlite3.DatabaseError("malformed")

    reader = Reader(connect)
    for _ in range(20):
        await reader.look(lambda c: c.execute("select 1").fetchone(), 20.0)
    kept = opened
    assert kept <= THREADS
    for _ in range(20):
        with pytest.raises(StoreUnwritable, match="malformed"):
            await reader.look(broken, 20.0)
    assert opened >= kept + 15
    await reader.close()
