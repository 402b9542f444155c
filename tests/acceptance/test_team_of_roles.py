"""From a fresh repository to a team: `init`, `launch --all`, and both roles are what their tables say."""

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.team import Team

pytestmark = [pytest.mark.docker, pytest.mark.agent]


def git(place: Path, *args: str) -> str:
    argv = ["git", "-c", "user.name=ana", "-c", "user.email=ana@example.org", "-C", str(place), *args]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture
def repository(team: Team) -> Path:
    """The data directory is a repository of one commit, without any settings file."""
    (team.root / "orchestrator.toml").unlink()
    team.environment["ORCHESTRATOR_MODEL__BASE_URL"] = f"http://host.docker.internal:{team.model.port}/v1"
    git(team.root, "init", "-q", "-b", "main")
    (team.root / "shop.py").write_text("price = 1\n")
    git(team.root, "add", "shop.py")
    git(team.root, "commit", "-q", "-m", "a shop")
    return team.root


def test_a_fresh_repository_gets_a_team_that_answers(team: Team, repository: Path) -> None:
    """The implementer commits on its branch, the reviewer can read and not write; git sees no data."""
    assert team.ok("init", str(repository))["roles"] == ["implementer", "reviewer"]
    found = {one["role"]: one for one in team.ok("launch", "--all")}
    assert {role: (one["ok"], one["action"]) for role, one in found.items()} == {
        "implementer": (True, "launched"),
        "reviewer": (True, "launched"),
    }
    implementer, reviewer = (team.ok("status", role) for role in ("implementer", "reviewer"))
    assert (implementer["branch"], implementer["sandbox"]) == ("agents/implementer", "danger-full-access")
    assert (reviewer["branch"], reviewer["sandbox"]) == ("agents/reviewer", "read-only")
    assert "price = 1" in team.answer("reviewer", "run cat shop.py")
    written = team.answer("reviewer", "run touch made 2>&1 || echo refused")
    assert "refused" in written
    assert not (Path(reviewer["workspace"]) / "made").exists()
    commit = "git -c user.name=a -c user.email=a@b commit -qam cheaper"
    said = team.answer(
        "implementer", f"run sed -i s/1/0/ shop.py && {commit} && git log --oneline agents/implementer"
    )
    assert "cheaper" in said
    assert {line[3:] for line in git(repository, "status", "--short").splitlines()} == {
        ".gitignore",
        "orchestrator.toml",
    }
    assert git(repository, "branch", "--format", "%(refname:short)").split() == ["main"]


def test_a_changed_role_is_launched_beside_what_runs_already(team: Team, repository: Path) -> None:
    """The same daemon launches it with the limits of its new table; the other is live already."""
    team.ok("init", str(repository))
    first = {one["role"]: one["session"] for one in team.ok("launch", "--all")}
    pid = team.daemon_pid()
    team.ok("rm", "--force", "reviewer")
    settings = repository / "orchestrator.toml"
    text = settings.read_text().replace(
        "[roles.reviewer]\n", '[roles.reviewer]\nmemory = "768m"\npids = 150\n'
    )
    settings.write_text(text)
    again = {one["role"]: one for one in team.ok("launch", "--all")}
    assert again["implementer"]["action"] == "live already"
    assert again["implementer"]["session"]["session_id"] == first["implementer"]["session_id"]
    limits = team.container(again["reviewer"]["session"]).attrs["HostConfig"]
    assert (limits["Memory"], limits["PidsLimit"]) == (768 * 1024**2, 150)
    assert team.daemon_pid() == pid
