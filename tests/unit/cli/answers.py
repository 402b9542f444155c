"""What the scripted daemon of these tests answers with: a session's view, receipts, turns, plans."""

import json
from typing import Any

from orchestrator.testing.wire import Say, Scripted, answer

VIEW: dict[str, Any] = {
    "session_id": "abc0000000",
    "role": "reviewer",
    "state": "working",
    "since": "2026-01-02T03:04:05.000000Z",
    "source": "turn_started",
    "age_s": 200.0,
    "turn_id": "t1",
    "doing": "rg token\x1b[2J",
    "desired": "running",
    "container_id": "c1",
    "container_name": "orchestrator-ab12cd34-abc0000000",
    "container_state": "running",
    "thread_id": "th1",
    "branch": "agents/reviewer",
    "workspace": "/srv/w",
    "image": "orchestrator-agent",
    "parent": "",
    "created_at": "2026-01-02T03:00:00.000000Z",
    "model": "gpt-6.1-sol",
    "reasoning": None,
    "sandbox": "danger-full-access",
    "approval": "on-request",
    "queued": 2,
    "walls": {"container": {"read_only_root": True}, "codex_sandbox": "off"},
    "warnings": ["approvals are advisory"],
}
TURN = {"turn_id": "t1", "tokens": {}, "files": [], "duration_ms": 5, "error": None}
PLAN = {"plan": [{"who": "tmux", "what": "paste-buffer -p"}]}


def says(document: Any, status: int = 200) -> Say:
    return answer(json.dumps(document).encode(), status)


def receipt(state: str, **more: Any) -> dict[str, Any]:
    blank = {"route": None, "turn_id": "", "mode": "queue", "from": "ana", "reason": ""}
    times = {"created_at": "", "updated_at": ""}
    return {"message_id": "m1", "session_id": "abc0000000", "state": state, **blank, **times, **more}


def body(daemon: Scripted, at: int = 0) -> Any:
    return json.loads(daemon.asked[at][3])
