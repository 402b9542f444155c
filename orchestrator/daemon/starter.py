"""What `orchestrator init` writes: every setting with its default and meaning, and two roles.

The settings come from their model. A line `# name = value` is one of them; a line that begins with `##` is a
remark, and still one without its first `#`.
"""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from orchestrator.core.policies import Sandbox
from orchestrator.daemon.sections import Role
from orchestrator.daemon.settings import Settings
from orchestrator.daemon.sizes import parse_size, show_size

#: What the two roles say of themselves; their workspace and branch depend on where the file is.
ROLES: Mapping[str, Mapping[str, Any]] = {
    "implementer": {
        "description": "Writes the code, on a branch of its own.",
        "developer_instructions": "Run the tests before you say that something is done, and commit it.",
    },
    "reviewer": {
        "description": "Reads and judges; changes nothing.",
        "sandbox": Sandbox.READ_ONLY,
        "developer_instructions": "Change nothing. Say what is wrong, with file and line, the worst first.",
    },
}

_HEAD = """\
## The settings of this team. The data directory is where this file is: it holds registry/ and outputs/.
## Every setting is here with its default, or with an example where it has none; take the `# ` away before one
## to set it. `orchestrator config validate` checks this file, `config show --origin` tells what is in force.
"""

_ABOVE_ROLES = """\
## The roles: `orchestrator launch NAME` starts one, `launch --all` each that has no live session. A flag of
## `launch` goes before what the role says here, and that before the settings above. A change holds from the
## role's next launch on.
"""


def settings_text(repository: str | None) -> str:
    """The whole file; `repository` is the way from it to the git repository to work on, if there is one."""
    parts = [_HEAD, "\n".join(_top()) + "\n", *_sections(), _ABOVE_ROLES]
    return "\n".join([*parts, *_roles(repository)])


def _top() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if not isinstance(field.default, BaseModel) and name != "roles":
            yield _commented(name, field)


def _sections() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            section = type(field.default)
            lines = [_commented(key, each) for key, each in section.model_fields.items()]
            yield "\n".join([f"## {section.__doc__}", f"[{name}]", *lines, ""])


def _roles(repository: str | None) -> Iterator[str]:
    for at, (name, said) in enumerate(ROLES.items()):
        place = {"workspace": repository, "branch": f"agents/{name}"} if repository else {}
        values = {**said, **place}
        lines = [f"{key} = {_value(values[key])}" for key in Role.model_fields if key in values]
        yield "\n".join([f"[roles.{name}]", *lines, *(_others(values) if at == 0 else ()), ""])


def _others(values: Mapping[str, Any]) -> Iterator[str]:
    """What else a role may say; where a key has no example, only its meaning."""
    for key, field in Role.model_fields.items():
        if key in values:
            continue
        yield _commented(key, field) if field.examples else f"## {key}: {field.description}"


def _commented(name: str, field: FieldInfo) -> str:
    """The example goes before the default: a default may be none, and then nothing could be written."""
    value = field.examples[0] if field.examples else field.default
    if any(getattr(each, "func", None) is parse_size for each in field.metadata):
        value = show_size(value)
    return f"# {name} = {_value(value)}  # {field.description}"


def _value(value: Any) -> str:
    """As TOML has it, which for texts and numbers is as JSON has it."""
    return json.dumps(value.value if isinstance(value, StrEnum) else value, ensure_ascii=False)
