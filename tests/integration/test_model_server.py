"""The scripted model over HTTP, and as a program of its own with nothing but python3."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import orchestrator
from orchestrator.testing.model.memory import KEPT_REQUESTS, Memory
from orchestrator.testing.model.scenario import parse
from orchestrator.testing.model.server import ModelServer
from orchestrator.testing.waiting import until


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer(Memory(parse({}))) as server:
        yield server


def ask(model: ModelServer, text: str) -> urllib.request.Request:
    body = {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}]}
    return request(model, "POST", "/v1/responses", body)


def request(model: ModelServer, method: str, path: str, body: object = None) -> urllib.request.Request:
    data = None if body is None else json.dumps(body).encode()
    url = f"http://127.0.0.1:{model.port}{path}"
    return urllib.request.Request(url, data, method=method)


def fetch(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our own server
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def answered(model: ModelServer, method: str, path: str, body: object = None) -> tuple[int, Any]:
    status, text = fetch(request(model, method, path, body))
    return status, json.loads(text)


def test_requests_are_remembered_up_to_a_bound(model: ModelServer) -> None:
    """Each request with what was asked; the oldest are dropped, and the total still counts them."""
    for number in range(KEPT_REQUESTS + 3):
        fetch(ask(model, f"m{number}"))
    status, seen = answered(model, "GET", "/__requests")
    assert (status, seen["total"], len(seen["requests"])) == (200, KEPT_REQUESTS + 3, KEPT_REQUESTS)
    assert seen["requests"][-1]["user"] == f"m{KEPT_REQUESTS + 2}"


def test_a_scenario_can_be_replaced_and_a_bad_one_is_refused(model: ModelServer) -> None:
    """PUT plays it from the next request on; a mistake is named and changes nothing."""
    assert answered(model, "PUT", "/__scenario", {"default": [[{"say": "new"}]]}) == (200, {})
    status, refusal = answered(model, "PUT", "/__scenario", {"default": [[{"sey": "x"}]]})
    assert status == 422
    assert "default[0][0]" in refusal["error"]["message"]
    assert '"text": "new"' in fetch(ask(model, "hi"))[1]


async def test_a_gate_holds_until_it_is_released(model: ModelServer) -> None:
    """The stream stands still, the health says at which gate, and goes on once it is opened."""
    model.play({"default": [[{"say": "before "}, {"wait": "noon"}, {"say": "after"}]]})
    asked = asyncio.create_task(asyncio.to_thread(fetch, ask(model, "hi")))
    await until(lambda: answered(model, "GET", "/healthz")[1]["waiting"] == ["noon"])
    assert not asked.done()
    assert answered(model, "POST", "/__release/noon")[0] == 200
    assert "response.completed" in (await asked)[1]
    assert answered(model, "GET", "/healthz")[1]["waiting"] == []


def test_a_gate_that_was_released_before_lets_one_pass(model: ModelServer) -> None:
    """A test need not hurry: the release is kept for the first who comes."""
    model.play({"default": [[{"wait": "noon"}, {"say": "after"}]]})
    answered(model, "POST", "/__release/noon")
    assert "response.completed" in fetch(ask(model, "hi"))[1]


async def test_a_client_that_leaves_frees_its_gate(model: ModelServer) -> None:
    """An interrupted turn leaves no thread waiting for ever."""
    model.play({"default": [[{"wait": "noon"}]]})
    reader, writer = await asyncio.open_connection("127.0.0.1", model.port)
    body = json.dumps({"input": []})
    writer.write(f"POST /v1/responses HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
    await reader.readline()
    await until(lambda: model.memory.gates.waiting() == ["noon"])
    writer.close()
    await writer.wait_closed()
    await until(lambda: model.memory.gates.waiting() == [])


def test_stopping_ends_a_stream_that_stands_still() -> None:
    """A server that is told to stop does not wait for a stalled response."""
    with ModelServer(Memory(parse({"default": [[{"say": "x"}, {"stall": 900}]]}))) as model:
        asked = threading.Thread(target=fetch, args=(ask(model, "hi"),))
        asked.start()
        while not model.memory.requests()["total"]:
            asked.join(0.01)
    asked.join(20)
    assert not asked.is_alive()


def test_unknown_routes_and_bodies_are_refused(model: ModelServer) -> None:
    """Nothing else is served, and no request makes the server fail."""
    assert answered(model, "GET", "/v1/models")[0] == 404
    assert answered(model, "POST", "/v1/other", {})[0] == 404
    assert answered(model, "POST", "/v1/responses", [])[0] == 400
    assert answered(model, "GET", "/healthz")[1] == {"ok": True, "requests": 0, "waiting": []}


def test_a_changed_file_is_read_again_and_a_broken_one_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While a person writes the scenario, the last good one is played."""
    file = tmp_path / "scenario.json"

    def write(text: str, moment: int) -> None:
        file.write_text(text)
        os.utime(file, ns=(moment, moment))

    write('{"default": [[{"say": "one"}]]}', 1)
    with ModelServer(Memory(file=file)) as model:
        assert '"text": "one"' in fetch(ask(model, "hi"))[1]
        write('{"default": [[{"say": "two"}]]}', 2)
        assert '"text": "two"' in fetch(ask(model, "hi"))[1]
        write("{", 3)
        assert '"text": "two"' in fetch(ask(model, "hi"))[1]
    assert str(file) in capsys.readouterr().err


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """Our packages as a container with nothing but python3 would have them."""
    source = Path(orchestrator.__file__).parent
    target = tmp_path / "alone" / "orchestrator"
    (target / "testing").mkdir(parents=True)
    shutil.copy(source / "__init__.py", target)
    shutil.copy(source / "testing" / "__init__.py", target / "testing")
    shutil.copytree(source / "testing" / "model", target / "testing" / "model")
    return target.parent


def program(alone: Path, *words: str) -> list[str]:
    code = f"import sys; sys.path.insert(0, {str(alone)!r}); import runpy; "
    code += "runpy.run_module('orchestrator.testing.model', run_name='__main__')"
    return [sys.executable, "-I", "-S", "-c", code, *words]


async def test_it_runs_with_the_standard_library_alone(alone: Path, tmp_path: Path) -> None:
    """Without site-packages: serves, logs, writes its port, says its address, and ends on SIGTERM."""
    port_file, log = tmp_path / "port", tmp_path / "log"
    process = await asyncio.create_subprocess_exec(
        *program(alone, "--port-file", str(port_file), "--log", str(log)), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    assert url == f"http://127.0.0.1:{port_file.read_text().strip()}/v1"
    body = b'{"input": [{"role": "user", "content": "hello"}]}'
    posted = urllib.request.Request(f"{url}/responses", body, method="POST")  # noqa: S310 - our own server
    assert "You said: hello" in (await asyncio.to_thread(fetch, posted))[1]
    assert json.loads(log.read_text())["user"] == "hello"
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


async def test_a_scenario_file_of_no_use_is_one_line_and_status_2(alone: Path, tmp_path: Path) -> None:
    """No traceback: the file, the place, what is wrong."""
    file = tmp_path / "scenario.json"
    file.write_text('{"default": [[{"sey": "x"}]]}')
    process = await asyncio.create_subprocess_exec(
        *program(alone, "--scenario", str(file)), stderr=subprocess.PIPE
    )
    _, complaint = await process.communicate()
    assert process.returncode == 2
    assert complaint.decode().startswith(f"{file}: default[0][0]: no action among ['sey']")
    assert len(complaint.splitlines()) == 1
