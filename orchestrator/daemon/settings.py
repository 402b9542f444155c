"""The settings: what they are, and how flags, environment, files and defaults are put together.

A value comes from the first of: flags, `ORCHESTRATOR_*` (sections joined by `__`), `orchestrator.toml`
in or above the data directory, `config.toml` in the user's configuration directory, the default.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import urlsplit

from platformdirs import user_config_path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError

from orchestrator.core.errors import SettingsInvalid
from orchestrator.core.policies import Approval, Limits, Reasoning, Sandbox
from orchestrator.daemon.home import find_settings_file
from orchestrator.daemon.sizes import parse_size

PREFIX = "ORCHESTRATOR_"
DELIMITER = "__"
DEFAULT = "default"
FLAG = "flag"
_LIMITS = Limits()
_SCHEMA_HINT = "`orchestrator config schema` lists the settings and their values"
_SCHEMES = ("unix://", "tcp://", "ssh://", "http://", "https://")


def _engine_host(host: str) -> str:
    if host and not host.startswith(_SCHEMES):
        raise ValueError(f"begins with one of {', '.join(_SCHEMES)}")
    return host


def _model_address(url: str) -> str:
    if url and not ((parts := urlsplit(url)).scheme in {"http", "https"} and parts.netloc):
        raise ValueError("is an address like http://model:8080/v1")
    return url


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(_Section):
    """The model that the agents think with."""

    name: str = Field("gpt-6.1-sol", min_length=1, description="The model's name.")
    reasoning: Reasoning | None = Field(None, description="How long it thinks; codex's default if not set.")
    base_url: Annotated[str, AfterValidator(_model_address)] = Field(
        "", description="Another endpoint of the Responses API; empty means OpenAI's."
    )
    auth_file: str = Field("", description="Codex's login for OpenAI; empty means the one of this user.")
    key_file: str = Field("", description="The file with the key for `base_url`; empty means it needs none.")


class Agent(_Section):
    """What a session gets where `launch` says nothing else."""

    sandbox: Sandbox = Field(Sandbox.FULL_ACCESS, description="Codex's own sandbox around its commands.")
    approval: Approval = Field(Approval.NEVER, description="When codex asks before it acts.")
    image: str = Field("", description="The agent image; empty means this version's own.")
    memory: Annotated[int, BeforeValidator(parse_size)] = Field(
        _LIMITS.memory, description="Memory of the container, as `2g` or in bytes."
    )
    cpus: float = Field(_LIMITS.cpus, gt=0, description="Processors of the container.")
    pids: int = Field(_LIMITS.pids, gt=0, description="Processes of the container.")
    developer_instructions: str = Field("", description="Instructions that stand above every prompt.")


class Engine(_Section):
    """The container engine."""

    host: Annotated[str, AfterValidator(_engine_host)] = Field(
        "", description="Its address as in DOCKER_HOST; empty means docker's own choice."
    )
    base_image: str = Field(
        "debian:bookworm-slim", min_length=1, description="What the agent image is built on."
    )


class Send(_Section):
    """Messages on their way in."""

    rate_per_minute: int = Field(60, gt=0, description="Messages a minute into one session.")
    queue_limit: int = Field(200, gt=0, description="Messages that may wait for one session.")
    settle_seconds: float = Field(15, gt=0, description="After so long without a sign, a send is `unknown`.")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_ignore_empty=True,
    )

    runtime: Literal["docker", "dry"] = Field(
        "docker", description="`docker`, or `dry`: in-memory twins, to try things without an engine."
    )
    model: Model = Model()
    agent: Agent = Agent()
    engine: Engine = Engine()
    send: Send = Send()


def user_file() -> Path:
    return user_config_path("orchestrator", appauthor=False) / "config.toml"


def files(home: Path) -> list[Path]:
    """The settings files that exist, the strongest first."""
    project = find_settings_file(home)
    user = user_file()
    return [path for path in (project, user) if path is not None and path.is_file()]


def load_settings(home: Path, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of a data directory.

    Raises:
        SettingsInvalid: a file or variable cannot be read, or a value cannot be used.
    """
    sources = _sources(home, flags or {})

    class Here(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature, as all of these
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(source for _, source in sources)

    _check_variables(os.environ)
    try:
        return Here()
    except ValidationError as exc:
        _refuse(exc, sources)
    except SettingsError as exc:
        raise SettingsInvalid(f"the environment cannot be read: {exc}") from exc


def _check_variables(environment: Mapping[str, str]) -> None:
    """The library looks only at variables of sections that exist; a misspelt section is an error too."""
    for name in environment:
        section, joined, _ = name.removeprefix(PREFIX).partition(DELIMITER)
        if name.startswith(PREFIX) and joined and section.lower() not in Settings.model_fields:
            raise SettingsInvalid(f"{name}: there is no section `{section.lower()}`", hint=_SCHEMA_HINT)


def origins(home: Path, flags: Mapping[str, Any] | None = None) -> dict[str, str]:
    """For every setting, by its dotted name, where its value comes from."""
    sources = _sources(home, flags or {})
    return {key: _origin(key, sources) for key in flatten(Settings.model_construct().model_dump())}


def values(settings: Settings) -> dict[str, Any]:
    """Every setting by its dotted name, as JSON has it."""
    return flatten(settings.model_dump(mode="json"))


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings under dotted names."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return found


_Sources = list[tuple[str, PydanticBaseSettingsSource]]


def _sources(home: Path, flags: Mapping[str, Any]) -> _Sources:
    tomls: _Sources = [(str(path), _toml(path)) for path in files(home)]
    return [
        (FLAG, InitSettingsSource(Settings, init_kwargs=dict(flags))),
        (PREFIX, EnvSettingsSource(Settings)),
        *tomls,
    ]


def _toml(path: Path) -> TomlConfigSettingsSource:
    try:
        return TomlConfigSettingsSource(Settings, path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsInvalid(f"{path} is not TOML: {exc}", hint="correct that line") from exc
    except OSError as exc:
        raise SettingsInvalid(f"{path} cannot be read: {exc.strerror}") from exc


def _origin(key: str, sources: _Sources) -> str:
    for name, source in sources:
        if key in flatten(source()):
            return variable(key) if name == PREFIX else name
    return DEFAULT


def variable(key: str) -> str:
    """The environment variable of a setting: `model.name` is ORCHESTRATOR_MODEL__NAME."""
    return PREFIX + key.replace(".", DELIMITER).upper()


def _refuse(exc: ValidationError, sources: _Sources) -> NoReturn:
    first, *more = exc.errors()
    key = ".".join(str(part) for part in first["loc"])
    others = f" (and {len(more)} more)" if more else ""
    raise SettingsInvalid(
        f"{_origin(key, sources)}: {key}: {_reason(first['type'], first['msg'])}{others}",
        hint=_SCHEMA_HINT,
    ) from exc


def _reason(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "there is no such setting"
    return message.removeprefix("Value error, ")
