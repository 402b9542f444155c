"""The text of a session's `config.toml`: what codex must know to start without asking anything.

It owns the keys and their quoting. It knows nothing of files: the session folder writes the text, and codex
may add lines of its own to it later.
"""

from collections.abc import Mapping, Sequence

from orchestrator.core.errors import InvalidInput
from orchestrator.core.places import WORK
from orchestrator.core.policies import Approval, Policies

#: The name of the model provider that a `base_url` makes.
PROVIDER = "orchestrator"

Value = str | bool | int | Sequence[str]
Table = Mapping[str, Value]

#: Codex's own daemon and updater, and the fetching of plugins at every start, have no place in a container.
_FEATURES: Table = {"daemon_auto_start": False, "plugins": False}
_NOTICES: Table = {"hide_full_access_warning": True, "hide_rate_limit_model_nudge": True}
#: A screen that types well (no paste burst), that scrolls back (no alternate screen), that does not move.
_SCREEN: Table = {
    "animations": False,
    "show_tooltips": False,
    "show_server_version_notice": False,
    "auto_recap": False,
    "alternate_screen": "never",
    "notifications": False,
    "disable_paste_burst": True,
    "screen_reader_detection_done": True,
}
_EFFECTS: Table = {"starfield": False, "shimmer": False, "welcome": False, "effort": False}


def config_toml(policies: Policies, *, base_url: str = "", key_file: str = "") -> str:
    """The configuration for one session.

    A `base_url` makes a provider of its own, which needs no login; codex reads its key, where there is one,
    from `key_file`, so that no environment variable has to carry it. Without a `base_url` codex uses its
    built-in provider and the `auth.json` beside this file.

    Raises:
        InvalidInput: a text holds what TOML cannot say (a lone surrogate).
    """
    tables: dict[str, Table] = {
        "": _top(policies, base_url),
        "analytics": {"enabled": False},
        "feedback": {"enabled": False},
        "features": _FEATURES,
        "notice": _NOTICES,
        "tui": _SCREEN,
        "tui.effects": _EFFECTS,
        f"projects.{quoted(WORK)}": {"trust_level": "trusted"},
    }
    if base_url:
        tables[f"model_providers.{PROVIDER}"] = {
            "name": PROVIDER,
            "base_url": base_url,
            "wire_api": "responses",
        }
    if base_url and key_file:
        tables[f"model_providers.{PROVIDER}.auth"] = {"command": "cat", "args": [key_file]}
    return "\n".join(_lines(name, table) for name, table in tables.items())


def _top(policies: Policies, base_url: str) -> Table:
    top: dict[str, Value] = {
        "check_for_update_on_startup": False,
        "suppress_unstable_features_warning": True,
        "cli_auth_credentials_store": "file",
        "approval_policy": _approval(policies.approval).value,
        "sandbox_mode": policies.sandbox.value,
    }
    if policies.model:
        top["model"] = policies.model
    if policies.reasoning:
        top["model_reasoning_effort"] = policies.reasoning.value
    if policies.developer_instructions:
        top["developer_instructions"] = policies.developer_instructions
    if base_url:
        top["model_provider"] = PROVIDER
    return top


def _approval(wanted: Approval) -> Approval:
    """Codex refuses to start with `untrusted` in its file, though a thread may still be given it.

    The file then says `on-request`, the nearest that it takes; the session's own thread gets `untrusted` from
    the supervisor at every start and resume.
    """
    return Approval.ON_REQUEST if wanted is Approval.UNTRUSTED else wanted


def _lines(name: str, table: Table) -> str:
    head = f"[{name}]\n" if name else ""
    return head + "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return quoted(value)
        case _:
            return "[" + ", ".join(quoted(item) for item in value) + "]"


def quoted(text: str) -> str:
    """A TOML basic string; everything that is not plain and printable is escaped."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    if "\ud800" <= character <= "\udfff":
        raise InvalidInput(f"the text holds {character!r}, half of a character, which no file can carry")
    return f"\\U{ord(character):08x}"
