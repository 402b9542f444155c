"""Codex's login: found whenever it is there, be it later than the daemon."""

from pathlib import Path

import pytest

from orchestrator.core.errors import InvalidInput
from orchestrator.daemon.login import codex_login
from orchestrator.sessions.launch_plan import login


def test_a_login_that_comes_later_than_the_daemon_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`codex login` is all that the hint asks for."""
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    file = codex_login("")
    with pytest.raises(InvalidInput, match="there is no login") as refused:
        login(file)
    assert "`codex login`" in refused.value.hint
    (tmp_path / "auth.json").touch()
    assert login(file) == str(tmp_path / "auth.json")


def test_a_configured_login_is_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home directory's sign is understood."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert codex_login("~/login.json") == str(tmp_path / "login.json")
