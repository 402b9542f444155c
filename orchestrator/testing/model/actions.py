"""The actions that a scenario may name: for each its value, its options, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Kind = type | tuple[type, ...]
NUMBER = (int, float)


class ScenarioInvalid(ValueError):
    """A scenario that cannot be played; `args[0]` names the place in it and what is wrong there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that the model does."""

    kind: str
    value: Any
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    value: Kind
    options: Mapping[str, Kind] = field(default_factory=dict)


_TIMES: Mapping[str, Kind] = {"times": int}
_PACE: Mapping[str, Kind] = {"chunk": int, "delay": NUMBER}
FORMS: Mapping[str, _Form] = {
    "say": _Form(value=str, options={**_PACE, "phase": str}),
    "slow": _Form(value=str, options={**_PACE, "phase": str}),
    "think": _Form(value=str, options={"delay": NUMBER}),
    "shell": _Form(value=str, options={"args": dict}),
    "approval": _Form(value=str, options={"why": str, "args": dict}),
    "patch": _Form(value=str),
    "ask": _Form(value=list),
    "call": _Form(value=str, options={"args": dict, "namespace": str}),
    "custom": _Form(value=str, options={"input": str}),
    "usage": _Form(value=dict),
    "end_turn": _Form(value=bool),
    "sleep": _Form(value=NUMBER),
    "wait": _Form(value=str),
    "fail": _Form(value=str, options={"message": str, **_TIMES}),
    "incomplete": _Form(value=str, options=_TIMES),
    "drop": _Form(value=bool, options=_TIMES),
    "stall": _Form(value=NUMBER, options=_TIMES),
    "http": _Form(value=int, options={"headers": dict, "body": dict, **_TIMES}),
}
USAGE = frozenset({"input", "cached", "output", "reasoning"})


def action(value: object, where: str) -> Action:
    """The action from its JSON.

    Raises:
        ScenarioInvalid: no such action, or a value or an option of the wrong form.
    """
    if not isinstance(value, dict):
        raise ScenarioInvalid(f'{where}: an action is an object such as {{"say": "hello"}}')
    kinds = [key for key in value if key in FORMS]
    if len(kinds) != 1:
        what = "two actions in one object" if kinds else f"no action among {sorted(value)}"
        raise ScenarioInvalid(f"{where}: {what}; there are {', '.join(FORMS)}")
    [kind] = kinds
    form = FORMS[kind]
    options = {key: option for key, option in value.items() if key != kind}
    _check(value[kind], form.value, f"{where}.{kind}")
    for key, option in options.items():
        if key not in form.options:
            raise ScenarioInvalid(f"{where}: `{kind}` has no option `{key}`; it has {_named(form.options)}")
        _check(option, form.options[key], f"{where}.{key}")
    if kind == "usage":
        usage(value[kind], f"{where}.usage")
    return Action(kind=kind, value=value[kind], options=options)


def usage(value: object, where: str) -> dict[str, int]:
    """Token counts by their names."""
    _check(value, dict, where)
    assert isinstance(value, dict)  # noqa: S101 - checked one line above, said again for the type checker
    for key, count in value.items():
        if key not in USAGE:
            raise ScenarioInvalid(f"{where}: no count is called `{key}`; there are {_named(USAGE)}")
        _check(count, int, f"{where}.{key}")
    return value


def _check(value: object, kind: Kind, where: str) -> None:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join(k.__name__ for k in kinds)
        raise ScenarioInvalid(f"{where}: {expected} expected, not {type(value).__name__}")
    if isinstance(value, (int, float)) and value < 0:
        raise ScenarioInvalid(f"{where}: {value} is negative")


def _named(names: Mapping[str, Kind] | frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
