"""Which data directory is meant, and where its daemon listens."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import InvalidInput
from orchestrator.daemon import home


def test_the_home_given_wins_over_the_environment(tmp_path: Path) -> None:
    """`--home` is the strongest word, and relative to where it was typed."""
    found = home.resolve_home("data", {home.HOME_VARIABLE: "/elsewhere"}, tmp_path)
    assert found == tmp_path.resolve() / "data"


def test_the_environment_wins_over_a_settings_file(tmp_path: Path) -> None:
    """ORCHESTRATOR_HOME beats an `orchestrator.toml` right here."""
    (tmp_path / home.SETTINGS_FILE).touch()
    assert home.resolve_home(None, {home.HOME_VARIABLE: "/elsewhere"}, tmp_path) == Path("/elsewhere")


def test_the_nearest_settings_file_upwards_marks_the_home(tmp_path: Path) -> None:
    """A project's data stands beside its `orchestrator.toml`, from whatever subdirectory one asks."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / home.SETTINGS_FILE).touch()
    (tmp_path / "a" / home.SETTINGS_FILE).touch()
    assert home.resolve_home(None, {}, deep) == (tmp_path / "a").resolve()


def test_without_a_project_the_home_is_the_users_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside any project the XDG state directory holds the data."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert home.resolve_home(None, {}, tmp_path) == (tmp_path / "state" / "orchestrator").resolve()


def test_two_names_of_one_directory_are_one_home(tmp_path: Path) -> None:
    """A link to a data directory leads to the same daemon."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert home.resolve_home(str(tmp_path / "link"), {}, tmp_path) == (tmp_path / "real").resolve()


def test_a_home_that_leads_in_circles_is_refused(tmp_path: Path) -> None:
    """A link to itself is an input error, not a traceback."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InvalidInput, match="cannot be a data directory"):
        home.resolve_home(str(tmp_path / "loop"), {}, tmp_path)


def test_the_socket_stands_in_the_home_while_its_path_is_short() -> None:
    """A short data directory holds its own socket."""
    found = home.socket_path(Path("/srv/team"), runtime_directory="/run/user/7", uid=7)
    assert found == Path("/srv/team/outputs/daemon/orchestrator.sock")


@given(
    st.text("abcé", min_size=1, max_size=120),
    st.sampled_from(["", "/run/user/1000", "/run/" + "x" * 120]),
)
def test_the_socket_path_always_fits_into_the_kernels_limit(name: str, runtime: str) -> None:
    """However long the data directory's path, a socket can be bound for it."""
    found = home.socket_path(Path("/data") / name, runtime_directory=runtime, uid=1000)
    assert len(os.fsencode(found)) <= 107


def test_long_homes_have_sockets_of_their_own() -> None:
    """Two long data directories never share a daemon."""
    one, two = (
        home.socket_path(Path("/d" * 80) / name, runtime_directory="/run/u", uid=1) for name in ("a", "b")
    )
    assert one.parent == two.parent == Path("/run/u")
    assert one != two


def test_without_a_runtime_directory_a_long_home_gets_a_private_one() -> None:
    """The fallback carries the user's id."""
    found = home.socket_path(Path("/d" * 80), runtime_directory="", uid=42)
    assert found.parent == Path("/tmp/orchestrator-42")  # noqa: S108 - the documented place


def test_a_private_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    """Nobody else can put a socket where ours belongs."""
    made = home.private_directory(tmp_path / "p")
    assert made.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_others_can_write_to_is_not_private(tmp_path: Path) -> None:
    """A directory that somebody else prepared is refused, with what to do."""
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(InvalidInput, match="not a private directory") as caught:
        home.private_directory(open_to_all)
    assert "ORCHESTRATOR_HOME" in caught.value.hint


def test_a_link_is_not_a_private_directory(tmp_path: Path) -> None:
    """A link could lead anywhere by tomorrow."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(InvalidInput):
        home.private_directory(tmp_path / "link")


RECORD = home.DaemonRecord(
    pid=7, version="1", socket="/s", started_at="2026-01-01T00:00:00Z", project_id="ab12"
)


def test_a_daemon_record_survives_its_file(tmp_path: Path) -> None:
    """What the daemon writes is what a command reads."""
    home.daemon_directory(tmp_path).mkdir(parents=True)
    home.record_path(tmp_path).write_text(RECORD.to_json())
    assert home.read_daemon_record(tmp_path) == RECORD
    assert home.listening_at(tmp_path) == Path("/s")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"pid": "x"}'])
def test_a_damaged_daemon_record_counts_as_none(tmp_path: Path, text: str) -> None:
    """A torn `daemon.json` hinders no command: the rule for the socket still holds."""
    home.daemon_directory(tmp_path).mkdir(parents=True)
    home.record_path(tmp_path).write_text(text)
    assert home.read_daemon_record(tmp_path) is None
    assert home.listening_at(tmp_path) == home.current_socket_path(tmp_path)
