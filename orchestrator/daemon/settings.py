"""The settings: what they are, and how flags, environment, files and defaults are put together.

A value comes from the first of: flags, `ORCHESTRATOR_*` (sections joined by `__`), `orchestrator.toml`
in or above the data directory, `config.toml` in the user's configuration directory, the default.
`sections` tells what the settings are.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from platformdirs import user_config_path
from pydantic import Field, ValidationError
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
from orchestrator.daemon.home import find_settings_file
from orchestrator.daemon.sections import Agent, Engine, Model, Role, RoleName, Send, anchored

PREFIX = "ORCHESTRATOR_"
DELIMITER = "__"
DEFAULT = "default"
FLAG = "flag"
#: Where an error is about a table's name, the library ends the way there with this.
_OF_A_KEY = "[key]"
_SCHEMA_HINT = "`orchestrator config schema` lists the settings and their values"


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
    roles: dict[RoleName, Role] = Field(
        {}, description="A table for each role: what `launch` takes where its flags say nothing."
    )


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
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature, as all of these
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(InitSettingsSource(settings_cls, init_kwargs=tree) for _, tree in sources)

    try:
        return Here()
    except ValidationError as exc:
        _refuse(exc, sources)


def _check_variables(environment: Mapping[str, str]) -> None:
    """The library looks only at variables of sections that exist; a misspelt section is an error too."""
    for name in environment:
        section, joined, _ = name.removeprefix(PREFIX).partition(DELIMITER)
        if name.startswith(PREFIX) and joined and section.lower() not in Settings.model_fields:
            raise SettingsInvalid(f"{name}: there is no section `{section.lower()}`", hint=_SCHEMA_HINT)


def origins(home: Path, flags: Mapping[str, Any] | None = None) -> dict[str, str]:
    """For every setting, by its dotted name, where its value comes from."""
    sources = _sources(home, flags or {})
    shown = _leaves(_shown(load_settings(home, flags)))
    return {".".join(parts): _origin(parts, sources) for parts in shown}


def values(settings: Settings) -> dict[str, Any]:
    """Every setting by its dotted name, as JSON has it; of a role only what is set."""
    return flatten(_shown(settings))


def _shown(settings: Settings) -> dict[str, Any]:
    roles = {name: role.model_dump(mode="json", exclude_unset=True) for name, role in settings.roles.items()}
    return settings.model_dump(mode="json") | {"roles": roles}


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of nested mappings under dotted names."""
    return {".".join(parts): value for parts, value in _leaves(tree).items()}


_Parts = tuple[str, ...]


def _leaves(tree: Mapping[str, Any], above: _Parts = ()) -> dict[_Parts, Any]:
    """What is no mapping, or an empty one, by its way there."""
    found: dict[_Parts, Any] = {}
    for key, value in tree.items():
        at = (*above, str(key))
        found |= _leaves(value, at) if isinstance(value, Mapping) and value else {at: value}
    return found


#: What each source says, the strongest first.
_Sources = list[tuple[str, dict[str, Any]]]


def _sources(home: Path, flags: Mapping[str, Any]) -> _Sources:
    return [
        (FLAG, dict(flags)),
        (PREFIX, anchored(_variables(), home)),
        *((str(path), anchored(_toml(path), path.parent)) for path in files(home)),
    ]


def _variables() -> dict[str, Any]:
    _check_variables(os.environ)
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as exc:
        raise SettingsInvalid(f"the environment cannot be read: {exc}") from exc


def _toml(path: Path) -> dict[str, Any]:
    try:
        return TomlConfigSettingsSource(Settings, path)()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsInvalid(f"{path} is not TOML: {exc}", hint="correct that line") from exc
    except OSError as exc:
        raise SettingsInvalid(f"{path} cannot be read: {exc.strerror}") from exc


def _origin(parts: Sequence[str], sources: _Sources) -> str:
    for name, tree in sources:
        if _has(tree, parts):
            return variable(".".join(parts)) if name == PREFIX else name
    return DEFAULT


def _has(tree: Any, parts: Sequence[str]) -> bool:
    for part in parts:
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return True


def variable(key: str) -> str:
    """The environment variable of a setting: `model.name` is ORCHESTRATOR_MODEL__NAME."""
    return PREFIX + key.replace(".", DELIMITER).upper()


def _refuse(exc: ValidationError, sources: _Sources) -> NoReturn:
    first, *more = exc.errors()
    parts = [str(part) for part in first["loc"] if part != _OF_A_KEY]
    others = f" (and {len(more)} more)" if more else ""
    raise SettingsInvalid(
        f"{_origin(parts, sources)}: {'.'.join(parts)}: {_reason(first['type'], first['msg'])}{others}",
        hint=_SCHEMA_HINT,
    ) from exc


def _reason(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "there is no such setting"
    if kind in {"dict_type", "model_type"}:
        return "it is a table of settings"
    return message.removeprefix("Value error, ")
