"""A scenario: rules from what the user said to what the model does; read, checked, and never changed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from orchestrator.testing.model.actions import Action, ScenarioInvalid, action, usage

#: What the model does in one response, and the responses of one turn, in order.
Step = tuple[Action, ...]
Steps = tuple[Step, ...]

_KEYS = frozenset({"rules", "default", "title", "usage", "about"})
_ECHO: Steps = ((Action(kind="say", value="You said: {{user}}"),),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The steps for user messages that hold `when`: a substring, or a `/regular expression/`."""

    when: str
    steps: Steps

    def match(self, user: str) -> tuple[str, ...] | None:
        """The groups of the match; None where this rule does not apply."""
        pattern = _pattern(self.when)
        if pattern is None:
            return () if self.when in user else None
        found = pattern.search(user)
        return tuple(group or "" for group in found.groups()) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Rules are tried first to last; `default` is played where none applies."""

    rules: tuple[Rule, ...] = ()
    default: Steps = _ECHO
    title: str = "Scripted"
    usage: Mapping[str, int] = field(default_factory=dict)


def parse(value: object) -> Scenario:
    """The scenario from its JSON.

    Raises:
        ScenarioInvalid: with the place, such as `rules[2].steps[0][1]`, and what is wrong there.
    """
    if not isinstance(value, dict):
        raise ScenarioInvalid("a scenario is an object with `rules` and `default`")
    unknown = sorted(set(value) - _KEYS)
    if unknown:
        raise ScenarioInvalid(f"no part of a scenario is called {unknown}; there are {sorted(_KEYS)}")
    rules = value.get("rules", [])
    if not isinstance(rules, list):
        raise ScenarioInvalid("rules: a list expected")
    return Scenario(
        rules=tuple(_rule(rule, f"rules[{n}]") for n, rule in enumerate(rules)),
        default=_steps(value["default"], "default") if "default" in value else _ECHO,
        title=str(value.get("title", "Scripted")),
        usage=usage(value.get("usage", {}), "usage"),
    )


def load(path: Path) -> Scenario:
    """The scenario in a file; `ScenarioInvalid` names the file where it cannot be read."""
    try:
        return parse(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as exc:
        raise ScenarioInvalid(f"{path}: {exc}") from exc


def demo() -> Scenario:
    """The scenario that is shipped: friendly, and alive without a key."""
    text = resources.files("orchestrator.testing.model").joinpath("demo.json").read_text("utf-8")
    return parse(json.loads(text))


def _rule(value: object, where: str) -> Rule:
    if not isinstance(value, dict) or set(value) != {"when", "steps"}:
        raise ScenarioInvalid(f"{where}: a rule is an object with `when` and `steps`")
    when = value["when"]
    if not isinstance(when, str):
        raise ScenarioInvalid(f"{where}.when: a text or a /regular expression/ expected")
    try:
        _pattern(when)
    except re.error as exc:
        raise ScenarioInvalid(f"{where}.when: {exc}") from exc
    return Rule(when=when, steps=_steps(value["steps"], f"{where}.steps"))


def _steps(value: object, where: str) -> Steps:
    if not isinstance(value, list) or not all(isinstance(step, list) for step in value):
        raise ScenarioInvalid(f"{where}: a list of steps expected, each a list of actions")
    return tuple(
        tuple(action(item, f"{where}[{n}][{m}]") for m, item in enumerate(step))
        for n, step in enumerate(value)
    )


def _pattern(when: str) -> re.Pattern[str] | None:
    slashed = len(when) > 2 and when[0] == when[-1] == "/"  # noqa: PLR2004 - two slashes and something
    return re.compile(when[1:-1], re.DOTALL) if slashed else None
