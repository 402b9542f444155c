"""The scripted model as a container: reached by agents by its name, and by the test from the host."""

import json
from typing import Any

import pytest

from orchestrator.containers.engine import DockerEngine
from orchestrator.core.ports import ContainerPlan
from orchestrator.testing.waiting import until

pytestmark = pytest.mark.docker

ASK = """
import json, sys, urllib.request
body = {"model": "m", "stream": True, "tools": [], "input": [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": sys.argv[2]}]}]}
request = urllib.request.Request(sys.argv[1] + "/responses", json.dumps(body).encode())
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""


async def test_an_agents_container_reaches_the_model_by_name(
    engine: DockerEngine, plan: ContainerPlan, model: Any
) -> None:
    """It plays what the test told it, waits at a gate, and remembers who asked."""
    model.scenario({"default": [[{"wait": "go"}, {"say": "You said {{user}}, I say hello"}]]})
    await engine.create(plan)
    await engine.start(plan.name)
    asking = await engine.open(plan.name, ["python3", "-c", ASK, model.base_url, "ping"])
    await until(lambda: model.waiting() == ["go"])
    model.release("go")
    answer = b""
    while piece := await asking.read():
        answer += piece
    await asking.close()
    done = [json.loads(line[6:]) for line in answer.decode().splitlines() if line.startswith("data: ")]
    assert "You said ping, I say hello" in json.dumps(done[-2:])
    assert [request["user"] for request in model.requests()] == ["ping"]
