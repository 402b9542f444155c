"""Foreign failures become this project's errors here, and only here: docker-py's, requests' and the socket's.

It owns the words a person reads when the engine is the trouble. It retries nothing and logs nothing.
"""

from collections.abc import Iterator

import docker.errors
import requests

from orchestrator.containers.address import Address
from orchestrator.core.errors import (
    ContainerGone,
    EngineRefused,
    EngineUnreachable,
    ImageUnavailable,
    OrchestratorError,
    TimedOut,
)

#: What docker-py lets through; anything else is a bug of ours and is not translated.
FOREIGN = (docker.errors.DockerException, requests.RequestException, OSError)

#: An engine's word for the source of a bind mount that its machine does not have.
NOT_SEEN = "bind source path does not exist"
_MISSING_THINGS = ("no such container", "no such exec instance")


def causes(exc: BaseException) -> Iterator[BaseException]:
    """The failure and all that lies under it; requests hides its cause in `args` as well."""
    todo: list[BaseException] = [exc]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [under for under in (one.__cause__, one.__context__) if under is not None]
        todo += [arg for arg in one.args if isinstance(arg, BaseException)]


def never_arrived(exc: BaseException) -> bool:
    """Nobody listened, so nothing was done: the call can be made again."""
    return any(isinstance(one, ConnectionRefusedError | FileNotFoundError) for one in causes(exc))


def translate(exc: Exception, address: Address) -> OrchestratorError:
    """The error to raise instead, with the next step for the person in its hint."""
    if isinstance(exc, docker.errors.APIError):
        return _refused(exc)
    under = list(causes(exc))
    if any(isinstance(one, PermissionError) for one in under):
        return EngineUnreachable(
            f"this user may not use the container engine at {address}",
            hint="run `sudo usermod -aG docker $USER`, then log in again",
        )
    if any(isinstance(one, requests.Timeout | TimeoutError) for one in under):
        return TimedOut(
            f"the container engine at {address} did not answer in time",
            hint="look at `docker info`; a paused container or a busy disk can hold it up",
        )
    return EngineUnreachable(
        f"the container engine at {address} does not answer",
        hint=_start_it(address),
    )


def _start_it(address: Address) -> str:
    start = "start Docker (`sudo systemctl start docker`; in a clone `scripts/setup`)"
    return f"{start}, or {f'correct {address.named_by}' if address.named_by else 'set DOCKER_HOST'}"


def _refused(exc: docker.errors.APIError) -> OrchestratorError:
    said = str(exc.explanation or exc)
    if isinstance(exc, docker.errors.ImageNotFound):
        return ImageUnavailable(f"the engine has no such image: {said}", hint="`orchestrator image build`")
    if isinstance(exc, docker.errors.NotFound) and any(t in said.lower() for t in _MISSING_THINGS):
        return ContainerGone(said, hint="`orchestrator resume-all` makes it again from the registry")
    hint = "the engine has to find it under the same path as this machine" if NOT_SEEN in said else ""
    return EngineRefused(f"the container engine refused: {said}", hint=hint)
