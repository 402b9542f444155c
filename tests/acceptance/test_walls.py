"""What holds the agent: it can neither change what was recorded nor reach a neighbour."""

import json
from typing import Any

import pytest

from tests.acceptance.team import Team, until

pytestmark = [pytest.mark.docker, pytest.mark.agent]

NAMES = ["aa", "bb", "cc", "dd"]
ATTACK = """
id -u; grep -E 'Cap(Eff|Prm)|NoNewPrivs' /proc/self/status
for f in /priv/rec/codex.ndjson /priv/rec/thread.json; do
  (echo tamper >> $f) 2>/dev/null && echo "BROKEN: wrote $f"
  (rm -f $f) 2>/dev/null; [ -e $f ] && echo "BROKEN: sees $f"
done
for p in $(pgrep -f '^python3 -I /opt/orchestrator') 1; do
  kill -STOP $p 2>/dev/null && { echo "BROKEN: stopped $p"; kill -CONT $p; }
  cat /proc/$p/environ >/dev/null 2>&1 && echo "BROKEN: environment of $p"
  ls /proc/$p/root/priv >/dev/null 2>&1 && echo "BROKEN: root of $p"
  ls /proc/$p/fd >/dev/null 2>&1 && echo "BROKEN: files of $p"
done
(touch /usr/bin/x /etc/x) 2>/dev/null && echo "BROKEN: wrote the root"
ls /var/run/docker.sock 2>/dev/null && echo "BROKEN: docker.sock"
unshare -Ur true 2>/dev/null && echo "BROKEN: new user namespace"
find / -xdev -name '*.ndjson' 2>/dev/null | grep -v '^/proc' | sed 's/^/BROKEN: sees /'
echo attack over
"""


def test_an_attack_from_a_turn_gets_nowhere(team: Team) -> None:
    """With danger-full-access the container alone holds: log, supervisor, neighbours are out of reach."""
    view = team.launch("reviewer")
    team.launch("builder", "the neighbour's word is heron")
    (team.folder(view) / "workspace/attack.sh").write_text(ATTACK)
    before = (team.folder(view) / "private/codex.ndjson").read_bytes()
    said = team.answer(
        "reviewer", "run sh /work/attack.sh 2>&1; grep -rsl heron /work /codex-home /logs | head"
    )
    assert "attack over" in said
    assert "BROKEN" not in said
    assert "heron" not in said
    after = (team.folder(view) / "private/codex.ndjson").read_bytes()
    assert after.startswith(before)
    assert b'"tamper\\n"' not in after
    assert team.answer("reviewer", "hello") == "ok"


def test_a_command_that_codex_hides_is_in_the_transcript(team: Team) -> None:
    """Under codex's own sandbox a quickly denied command emits no item; each is recorded once."""
    view = team.launch("reviewer", "--sandbox", "workspace-write", "--approval", "on-request")
    for name in NAMES:
        team.answer("reviewer", f"run echo x > {name}; ls /root")

    def found() -> list[dict[str, Any]]:
        return [e for e in team.transcript(view) if e["type"] == "command_completed"]

    until(lambda: len(found()) >= len(NAMES))
    assert [next(n for n in NAMES if n in e["text"]) for e in found()] == NAMES
    assert any(e["data"]["hidden"] for e in found())
    assert sorted(p.name for p in (team.folder(view) / "workspace").iterdir() if p.is_file()) == NAMES


def test_status_tells_which_wall_really_holds(team: Team) -> None:
    """A probe inside the container, not the wish in the settings."""
    team.launch("reviewer")
    team.launch("builder", "--sandbox", "workspace-write", "--approval", "on-request")
    open_one = until(lambda: team.ok("status", "reviewer")["walls"])
    assert open_one["container"]["no_new_privileges"] is True
    assert int(open_one["container"]["capabilities"], 16) == 0
    assert open_one["container"]["read_only_root"] is True
    assert open_one["container"]["docker_socket"] is False
    assert open_one["codex_sandbox"] == "off"
    closed = until(lambda: team.ok("status", "builder")["walls"])
    assert closed["codex_sandbox"] == "holds"


def test_approvals_without_a_sandbox_are_called_advisory(team: Team) -> None:
    """Launch says so at once, and status goes on saying it."""
    view = team.launch("reviewer", "--approval", "on-request")
    assert any("advisory" in warning for warning in view["warnings"])
    assert any("advisory" in warning for warning in team.ok("status", "reviewer")["warnings"])


def test_only_its_own_folders_are_mounted(team: Team) -> None:
    """Capabilities, mounts, limits and profile as the engine has them."""
    view = team.launch("reviewer", "--memory", "1g", "--cpus", "1.5", "--pids", "300")
    host = team.container(view).attrs["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert sorted(c.removeprefix("CAP_") for c in host["CapAdd"]) == ["KILL", "SETGID", "SETUID"]
    assert host["ReadonlyRootfs"] is True
    assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
    assert (host["Memory"], host["PidsLimit"], host["NanoCpus"]) == (1024**3, 300, 1_500_000_000)
    sources = {m["Source"] for m in team.container(view).attrs["Mounts"]}
    assert all(source.startswith(str(team.folder(view))) for source in sources), json.dumps(sorted(sources))
