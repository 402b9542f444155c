"""What a hostile agent can do from a turn: nothing to the log, nothing to the supervisor, and not unseen."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.testing.model.server import ModelServer
from orchestrator.testing.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.agent]

Box = Any

ATTACK = r"""
sup=$(pgrep -f 'python3 -I /opt/orchestrator' | tail -1); init=1
echo "target $sup"
try() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "POSSIBLE $name"; else echo "denied $name"; fi; }
for f in codex.ndjson thread.json session.json status.json; do
  try "write $f" sh -c "echo tamper >> /priv/rec/$f"
  try "remove $f" rm -f "/priv/rec/$f"
  try "write through proc $f" sh -c "echo tamper >> /proc/$sup/root/priv/rec/$f"
done
try list ls /priv/rec
try chmod chmod 777 /priv
try replace mv /priv /tmp/priv
try mount mount -t tmpfs none /priv
try namespace unshare -Ur sh -c 'ls /priv/rec'
for s in STOP KILL TERM; do try "$s supervisor" kill -$s $sup; try "$s init" kill -$s $init; done
try descriptors ls /proc/$sup/fd/0
try environment cat /proc/$sup/environ
try memory sh -c "head -c 1 /proc/$sup/mem"
try code sh -c 'echo x >> /opt/orchestrator/__main__.py'
try root sh -c 'echo x > /etc/x'
grep CapEff /proc/self/status
"""

IMPOSTOR = r"""
import os, signal, socket, sys, time
sock, server, replace = "/run/agent/app.sock", int(sys.argv[1]), sys.argv[2] == "replace"
path = sock if replace else os.path.realpath(sock)
if not replace:
    os.kill(server, signal.SIGKILL)
listener = socket.socket(socket.AF_UNIX)
while True:
    try:
        if os.path.lexists(path): os.unlink(path)
        listener.bind(path)
        break
    except OSError:
        continue
listener.listen(5)
held = []
while True:
    held.append(listener.accept())
"""


def heard(box: Box, method: str) -> list[dict[str, Any]]:
    return [line for line in box.lines() if line["m"].get("method") == method]


async def test_an_attack_from_a_turn_reaches_neither_the_log_nor_the_supervisor(
    box: Box, model: ModelServer
) -> None:
    """Every attempt is denied, the log has no foreign byte, and the supervisor lives on."""
    model.play({"default": [[{"shell": "sh attack.sh > result.txt 2>&1; echo done"}], [{"say": "ok"}]]})
    box.prepare()
    workspace: Path = box.private.parent / "workspace"
    (workspace / "attack.sh").write_text(ATTACK)
    box.run()
    await box.ready()
    before = box.supervisor_pid()
    await box.turn("attack")
    result = (workspace / "result.txt").read_text()
    assert f"target {before}\n" in result
    assert "POSSIBLE" not in result, result
    assert result.count("denied") == 28
    assert "CapEff:\t0000000000000000" in result
    assert b"tamper" not in (box.private / "thread.json").read_bytes()
    assert [line["n"] for line in box.lines()] == list(range(1, box.last() + 1))
    assert box.supervisor_pid() == before
    await box.turn("again")


@pytest.mark.parametrize("how", ["kill", "replace"])
async def test_an_impostor_on_the_app_servers_socket_is_found_and_ended(box: Box, how: str) -> None:
    """Whether it kills the app-server or leaves it: it is killed and reported, the session goes on."""
    await box.up()
    workspace: Path = box.private.parent / "workspace"
    (workspace / "impostor.py").write_text(IMPOSTOR)
    after, server = box.last(), box.status()["app_server_pid"]
    box.container.exec_run(["python3", "/work/impostor.py", str(server), how], user="agent", detach=True)
    report = await box.method("supervisor/tampered", after=after)
    assert report["m"]["params"]["pid"] not in (0, server)
    await box.ready(report["n"])
    assert box.exec("pgrep", "-f", "impostor.py")[1] == ""
    await box.turn("hello again")
    assert box.status()["app_server_pid"] != server


async def test_a_command_that_codex_hides_is_recorded(box: Box, model: ModelServer) -> None:
    """Denied at once under codex's sandbox it has no item of codex's; the rollout gives it away."""
    hidden = "echo x > seen.txt; echo 'Permission denied'; exit 1"
    model.play(
        {
            "rules": [
                {"when": "deny", "steps": [[{"shell": hidden}], [{"say": "ok"}]]},
                {"when": "plain", "steps": [[{"shell": "echo in the open"}], [{"say": "ok"}]]},
            ]
        }
    )
    box.sandbox, box.approval = "workspace-write", "on-request"
    await box.up()
    await box.turn("plain")
    turn = await box.turn("deny")
    line = await box.line(lambda line: line["src"] == "rollout")
    item = line["m"]["params"]["item"]
    assert (line["m"]["params"]["turnId"], item["command"], item["hidden"]) == (turn, hidden, True)
    assert "Permission denied" in item["aggregatedOutput"]
    assert (box.private.parent / "workspace/seen.txt").exists()
    walls = await box.method("supervisor/walls")
    assert walls["m"]["params"]["codex_sandbox"] == "holds", walls
    await box.stop("running")
    after = box.last()
    box.container.start()
    await box.ready(after)
    await box.turn("plain")
    assert len([line for line in box.lines() if line["src"] == "rollout"]) == 1


async def test_without_user_namespaces_the_probe_says_that_codexs_sandbox_is_broken(box: Box) -> None:
    """The engine's default profile forbids what codex's sandbox needs; status.json tells."""
    box.sandbox, box.approval, box.default_seccomp = "workspace-write", "on-request", True
    await box.up()
    walls = await box.method("supervisor/walls")
    assert walls["m"]["params"]["codex_sandbox"] == "broken"
    await until(lambda: bool(box.status().get("walls", {}).get("detail")))
