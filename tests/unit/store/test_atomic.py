"""Replacing a file: whole, with its mode, and without anything left behind."""

import threading
from pathlib import Path

import pytest

from orchestrator.core.errors import StoreUnwritable
from orchestrator.store import atomic


def test_a_replaced_file_has_the_new_content_and_mode(tmp_path: Path) -> None:
    """Whatever the mode was before, and whatever the umask would take from it."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o777)
    atomic.replace(path, b"new", mode=0o640)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o7777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_never_followed(tmp_path: Path) -> None:
    """An agent that puts a link into its own folder gains no file of the host's."""
    target, path = tmp_path / "target", tmp_path / "a"
    target.write_bytes(b"precious")
    path.symlink_to(target)
    atomic.replace(path, b"new")
    assert target.read_bytes() == b"precious"
    assert not path.is_symlink()


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    """The error names it; the temporary file is gone."""
    path = tmp_path / "a"
    (path / "inside").mkdir(parents=True)
    with pytest.raises(StoreUnwritable, match="cannot be written"):
        atomic.replace(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """Whole, at every moment, while another thread replaces it."""
    path = tmp_path / "a"
    contents = [bytes([letter]) * 50_000 for letter in b"abc"]
    atomic.replace(path, contents[0])

    def replace() -> None:
        for number in range(60):
            atomic.replace(path, contents[number % 3])

    thread = threading.Thread(target=replace)
    thread.start()
    seen = set()
    while thread.is_alive():
        seen.add(path.read_bytes())
    thread.join()
    assert seen <= set(contents)
