"""The sections of the settings as values: what each setting is, its default, and what it may be.

A field's description, its default and, where there is no default, its example are all that the reference
pages and `orchestrator init` say about it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from orchestrator.core.errors import InvalidInput
from orchestrator.core.identity import check_role
from orchestrator.core.policies import Approval, Limits, Reasoning, Sandbox
from orchestrator.core.secret_files import check_name
from orchestrator.core.words import is_one_line
from orchestrator.daemon.sizes import parse_size
from orchestrator.sessions.launch_plan import check_branch, check_limits

_LIMITS = Limits()
_SCHEMES = ("unix://", "tcp://", "ssh://", "http://", "https://")


def _engine_host(host: str) -> str:
    if host and not host.startswith(_SCHEMES):
        raise ValueError(f"begins with one of {', '.join(_SCHEMES)}")
    return host


def _model_address(url: str) -> str:
    if url and not ((parts := urlsplit(url)).scheme in {"http", "https"} and parts.netloc):
        raise ValueError("is an address like http://model:8080/v1")
    return url


def _role_name(name: str) -> str:
    try:
        return check_role(name)
    except InvalidInput as exc:
        raise ValueError(f"{exc.message}: {exc.hint}") from exc


def _one_line(text: str) -> str:
    if not is_one_line(text):
        raise ValueError("must be one line without control characters")
    return text


def _branch(name: str) -> str:
    check_branch(name)
    return name


def _secret_name(name: str) -> str:
    check_name(name)
    return name


def _memory(size: int) -> int:
    check_limits(Limits(memory=size))
    return size


def _cpus(number: float) -> float:
    check_limits(Limits(cpus=number))
    return number


def _pids(number: int) -> int:
    check_limits(Limits(pids=number))
    return number


Line = Annotated[str, AfterValidator(_one_line)]
Address = Annotated[str, AfterValidator(_model_address)]
Size = Annotated[int, BeforeValidator(parse_size)]
#: The settings that are sizes, in whichever table they stand.
SIZES = frozenset({"memory"})
RoleName = Annotated[str, AfterValidator(_role_name)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(Section):
    """The model that the agents think with."""

    name: str = Field("gpt-6.1-sol", min_length=1, description="The model's name.")
    reasoning: Reasoning | None = Field(
        None, description="How long it thinks; codex's default if not set.", examples=[Reasoning.MEDIUM]
    )
    base_url: Address = Field("", description="Another endpoint of the Responses API; empty means OpenAI's.")
    auth_file: str = Field("", description="Codex's login for OpenAI; empty means the one of this user.")
    key_file: str = Field("", description="The file with the key for `base_url`; empty means it needs none.")


class Agent(Section):
    """What a session gets where neither `launch` nor its role says anything else."""

    sandbox: Sandbox = Field(Sandbox.FULL_ACCESS, description="Codex's own sandbox around its commands.")
    approval: Approval = Field(Approval.NEVER, description="When codex asks before it acts.")
    image: str = Field("", description="The agent image; empty means this version's own.")
    memory: Size = Field(_LIMITS.memory, description="Memory of the container, as `2g` or in bytes.")
    cpus: float = Field(_LIMITS.cpus, gt=0, description="Processors of the container.")
    pids: int = Field(_LIMITS.pids, gt=0, description="Processes of the container.")
    developer_instructions: str = Field("", description="Instructions that stand above every prompt.")


class Engine(Section):
    """The container engine."""

    host: Annotated[str, AfterValidator(_engine_host)] = Field(
        "", description="Its address as in DOCKER_HOST; empty means docker's own choice."
    )
    base_image: str = Field(
        "debian:bookworm-slim", min_length=1, description="What the agent image is built on."
    )


class Send(Section):
    """Messages on their way in."""

    rate_per_minute: int = Field(60, gt=0, description="Messages a minute into one session.")
    queue_limit: int = Field(200, gt=0, description="Messages that may wait for one session.")
    settle_seconds: float = Field(15, gt=0, description="After so long without a sign, a send is `unknown`.")


class Role(Section):
    """What `launch` takes for one role where its flags say nothing; what is not set is as for any other role.

    Paths are absolute, or relative to the file that names them.
    """

    description: str = Field("", description="What the role is there for, for people.")
    workspace: str = Field(
        "",
        description="The directory that becomes /work; a relative path begins at the file that names it.",
        examples=["."],
    )
    branch: Annotated[Line, AfterValidator(_branch)] = Field(
        "", description="A branch; the agent works in a clone of `workspace` then.", examples=["agents/one"]
    )
    model: Line = Field("", description="As `model.name`.", examples=["gpt-6.1-sol"])
    reasoning: Reasoning | None = Field(None, description="As `model.reasoning`.", examples=[Reasoning.HIGH])
    base_url: Address = Field("", description="As `model.base_url`.", examples=["http://model:8080/v1"])
    sandbox: Sandbox | None = Field(None, description="As `agent.sandbox`.", examples=[Sandbox.FULL_ACCESS])
    approval: Approval | None = Field(None, description="As `agent.approval`.", examples=[Approval.NEVER])
    image: Line = Field("", description="As `agent.image`.", examples=[""])
    memory: Annotated[Size, AfterValidator(_memory)] | None = Field(
        None, description="As `agent.memory`.", examples=["4g"]
    )
    cpus: Annotated[float, AfterValidator(_cpus)] | None = Field(
        None, description="As `agent.cpus`.", examples=[2.0]
    )
    pids: Annotated[int, AfterValidator(_pids)] | None = Field(
        None, description="As `agent.pids`.", examples=[1024]
    )
    developer_instructions: str = Field(
        "",
        description="Instructions that stand above every prompt.",
        examples=["Say what you did, and what you left."],
    )
    instructions_file: str = Field(
        "", description="A file with them, in place of `developer_instructions`; read at each launch."
    )
    secrets: dict[Annotated[str, AfterValidator(_secret_name)], str] = Field(
        {}, description="NAME = FILE: a copy of FILE at /run/secrets/NAME.", examples=[{}]
    )

    @model_validator(mode="after")
    def _one_way_to_instruct(self) -> Self:
        if self.developer_instructions and self.instructions_file:
            raise ValueError("developer_instructions and instructions_file exclude each other")
        return self


def anchored(tree: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The settings of one source, with the paths of its roles made absolute.

    What has a wrong form stays as it is: it is refused later, by its name.
    """
    roles = tree.get("roles")
    if not isinstance(roles, Mapping):
        return dict(tree)
    return {**tree, "roles": {name: _anchored_role(role, base) for name, role in roles.items()}}


def _anchored_role(role: Any, base: Path) -> Any:
    if not isinstance(role, Mapping):
        return role
    paths = [key for key in ("workspace", "instructions_file") if key in role]
    found = {**role, **{key: _at(role[key], base) for key in paths}}
    if isinstance(secrets := role.get("secrets"), Mapping):
        found["secrets"] = {name: _at(path, base) for name, path in secrets.items()}
    return found


def _at(path: Any, base: Path) -> Any:
    """`os.path` because pathlib would refuse an unknown `~name`, and resolve no `..`."""
    if not isinstance(path, str) or not path:
        return path
    return os.path.abspath(base / os.path.expanduser(path))  # noqa: PTH100, PTH111 - see above
