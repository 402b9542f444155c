"""What a hostile agent can do from a turn: nothing to the log, nothing to the supervisor, and not unseen."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.testing.model.server import ModelServer
from orchestrator.testing.waiting import until
from tests.docker.supervisor.box import Box

pytestmark = [pytest.mark.docker, pytest.mark.agent]

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

#: An app-server that answers each request with something else than what was asked for.
MOUTH = r"""#!/usr/bin/python3
import base64, hashlib, json, os, socketserver, struct, sys
path = sys.argv[sys.argv.index("--listen") + 1].removeprefix("unix://")
class Mouth(socketserver.StreamRequestHandler):
    def handle(self):
        key = b""
        while line := self.rfile.readline().strip():
            if line.lower().startswith(b"sec-websocket-key:"):
                key = line.split(b":")[1].strip()
        proof = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        head = b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        self.wfile.write(head + base64.b64encode(proof) + b"\r\n\r\n")
        while head := self.rfile.read(2):
            size = head[1] & 127
            if size == 126:
                size = struct.unpack(">H", self.rfile.read(2))[0]
            mask, data = self.rfile.read(4), self.rfile.read(size)
            said = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
            if head[0] & 15 != 1 or "id" not in (asked := json.loads(said)):
                continue
            answer = json.dumps({"id": asked["id"], "result": {"thread": ["no thread"]}}).encode()
            self.wfile.write(bytes([129, len(answer)]) + answer)
if os.path.lexists(path):
    os.unlink(path)
socketserver.ThreadingUnixStreamServer(path, Mouth).serve_forever()
"""

IMPOSTOR = r"""
import os, signal, socket, sys, time
sock, server, replace = "/run/agent/app.sock", int(sys.argv[1]), sys.argv[2] == "replace"
path = sock if replace else os.path.realpath(sock)
if not replace:
    os.kill(server, signal.SIGKILL)

def take():  # again and again, for as long as the path leads to somebody else
    while True:
        try:
            if os.path.lexists(path): os.unlink(path)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen(5)
            listener.setblocking(False)
            return listener, os.stat(path).st_ino
        except OSError:
            continue

def is_there(inode):
    try:
        return os.stat(path).st_ino == inode
    except OSError:
        return False

listener, mine = take()
held = []
while True:
    try:
        held.append(listener.accept())
    except BlockingIOError:
        time.sleep(0.005)
    if not is_there(mine):
        listener, mine = take()
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


POISON = r"echo \u{110000} \u{ffffffffff}"
DEEP = "[" * 100_000


async def test_a_call_that_no_one_can_read_ends_neither_the_supervisor_nor_the_next_one(
    box: Box, model: ModelServer
) -> None:
    """The rollout is read from its beginning at each start; what cannot be read is told as a gap once."""
    script = f'tools.exec_command({{cmd: "{POISON}"}})'
    model.play({"rules": [{"when": "poison", "steps": [[{"custom": "exec", "input": script}]]}]})
    box.sandbox, box.approval, box.restart = "workspace-write", "on-request", True
    await box.up()
    before = box.supervisor_pid()
    await box.turn("poison")
    shown = await box.line(lambda line: line["src"] == "rollout")
    assert shown["m"]["params"]["item"]["command"] == POISON
    [rollout] = (box.private.parent / "codex-home/sessions").rglob("*.jsonl")
    call = {"type": "function_call", "call_id": "deep", "name": "shell", "arguments": DEEP}
    with rollout.open("a") as file:
        file.write(json.dumps({"type": "response_item", "payload": call}) + "\n")
        file.write(f'{{"type": "response_item", "payload": {{"type": "function_call", "x": {DEEP}\n')
    gap = await box.method("supervisor/gap")
    assert "rollout cannot be read" in gap["m"]["params"]["why"]
    await box.turn("hello")
    assert box.supervisor_pid() == before
    after = box.last()
    box.kill(before)
    await box.ready(after)
    await box.turn("hello again")
    assert box.container.attrs["RestartCount"] == 1
    assert heard(box, "supervisor/gap") == [gap]
    assert [line for line in box.lines() if line["src"] == "rollout"] == [shown]


#: Takes every process that there is room for, ends a part, and lets go when it is told to.
FORKS = r"""
import os, signal, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
part = int(sys.argv[1])
while not os.path.exists("/work/enough"):
    try:
        if os.fork() == 0:
            while not os.path.exists("/work/enough"):
                time.sleep(0.1)
            break
    except OSError:
        if part:
            os.kill(part, signal.SIGKILL)
        part = 0
"""


@pytest.mark.parametrize("part", ["tmux", "app-server"])
async def test_an_agent_that_takes_every_process_does_not_end_the_supervisor(box: Box, part: str) -> None:
    """What it ends meanwhile is tried again and again, and comes back as soon as there is room."""
    box.restart, box.pids = True, 64
    await box.up()
    workspace: Path = box.private.parent / "workspace"
    (workspace / "forks.py").write_text(FORKS)
    supervisor, after = box.supervisor_pid(), box.last()
    pids = {"tmux": box.status()["tmux"].split()[0], "app-server": str(box.status()["app_server_pid"])}
    box.container.exec_run(["python3", "/work/forks.py", pids[part]], user="agent", detach=True)
    await box.line(
        lambda line: line["m"]["params"].get("part") == part and "cannot be started" in str(line), after=after
    )
    after = box.last()
    (workspace / "enough").touch()
    await box.ready(after)
    await box.turn("hello")
    await box.until_on_screen("You said: hello")
    assert box.supervisor_pid() == supervisor
    assert box.container.attrs["RestartCount"] == 0
    assert len(heard(box, "supervisor/boot")) == 1


async def test_a_command_that_takes_all_the_memory_is_ended_and_nothing_else_is(
    box: Box, model: ModelServer
) -> None:
    """The kernel ends the process that has the most of it."""
    take = "python3 -c 'x = bytearray(2 << 30)'; echo ended with $?"
    rules = [{"when": "take", "steps": [[{"shell": take}], [{"say": "{{out}}"}]]}]
    model.play({"rules": rules})
    box.restart, box.memory = True, "600m"
    await box.up()
    supervisor, app = box.supervisor_pid(), box.status()["app_server_pid"]
    await box.turn("take")
    assert "ended with 137" in str(heard(box, "item/completed"))
    assert (box.supervisor_pid(), box.status()["app_server_pid"]) == (supervisor, app)
    assert box.container.attrs["RestartCount"] == 0


async def test_words_that_are_put_into_codexs_mouth_are_told_as_a_gap_and_codex_is_tried_again(
    box: Box,
) -> None:
    """An answer of another shape is no end of the recording; a codex that says nothing else is given up."""
    box.prepare()
    mouth = box.private.parent / "codex"
    mouth.write_text(MOUTH)
    mouth.chmod(0o755)
    box.extra_binds = [f"{mouth}:/opt/codex/bin/codex:ro"]
    box.run()
    gap = await box.method("supervisor/gap")
    assert "cannot be understood" in gap["m"]["params"]["why"]
    assert gap["m"]["params"]["lost"] == ["the rest of this connection"]
    again = await box.method("supervisor/connected", after=gap["n"])
    assert [line["n"] for line in box.lines()][: again["n"]] == list(range(1, again["n"] + 1))
    assert await box.exited() == 70
    assert "a bug" not in box.status()["reason"]


async def test_without_user_namespaces_the_probe_says_that_codexs_sandbox_is_broken(box: Box) -> None:
    """The engine's default profile forbids what codex's sandbox needs; status.json tells."""
    box.sandbox, box.approval, box.default_seccomp = "workspace-write", "on-request", True
    await box.up()
    walls = await box.method("supervisor/walls")
    assert walls["m"]["params"]["codex_sandbox"] == "broken"
    await until(lambda: bool(box.status().get("walls", {}).get("detail")))
