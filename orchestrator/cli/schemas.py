"""The JSON Schemas of every `--json` answer, made from the typed definitions.

`python -m orchestrator.cli.schemas DIRECTORY` writes them; the command line itself never imports this.
"""

import json
import sys
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import typing_extensions
from pydantic import TypeAdapter

from orchestrator.cli import answers as own
from orchestrator.client import answers
from orchestrator.daemon.settings import Settings

#: Schema file → what it describes. A verb of a group is written `group-verb`.
DOCUMENTS: dict[str, Any] = {
    "init": own.InitAnswer,
    "launch": answers.LaunchAnswer,
    "launch-all": list[answers.LaunchAllAnswer],
    "send": answers.ReceiptView,
    "snapshot": answers.SnapshotAnswer,
    "stream": answers.EventsPage,
    "envelope": answers.EnvelopeView,
    "ps": list[answers.SessionView],
    "status": answers.SessionView,
    "attach": answers.AttachAnswer,
    "interrupt": answers.InterruptAnswer,
    "stop": answers.StopAnswer,
    "rm": answers.RemoveAnswer,
    "resume-all": list[answers.ResumeAnswer],
    "doctor": answers.DoctorAnswer,
    "daemon-start": answers.DaemonAnswer,
    "daemon-stop": own.DaemonStopAnswer,
    "daemon-status": answers.DaemonAnswer,
    "daemon-logs": own.DaemonLogsAnswer,
    "daemon-install": own.DaemonUnitAnswer,
    "daemon-uninstall": own.DaemonUnitAnswer,
    "registry-verify": answers.VerifyAnswer,
    "registry-rebuild": answers.RebuildAnswer,
    "config-show": dict[str, Any],
    "config-show-origin": dict[str, own.SettingOrigin],
    "config-path": own.ConfigPathAnswer,
    "config-validate": own.ConfigValidAnswer,
    "config-schema": dict[str, Any],
    "image-build": own.ImageAnswer,
    "image-ls": list[own.ImageListed],
    "image-rm": own.ImageRemoved,
    "model-serve": own.ModelAnswer,
    "model-up": own.ModelUpAnswer,
    "model-down": own.ModelDownAnswer,
    "completion": own.CompletionAnswer,
    "version": own.VersionAnswer,
    "plan": answers.Plan,
    "error": own.ErrorAnswer,
}


def portable(kind: Any) -> Any:
    """The same type for pydantic, which before Python 3.12 takes only `typing_extensions`' TypedDict."""
    if is_typeddict(kind):
        return _portable_dict(kind)
    origin, parts = get_origin(kind), tuple(portable(part) for part in get_args(kind))
    if origin in (Union, UnionType):
        return Union[parts]  # noqa: UP007 - built from a tuple
    return origin[parts] if origin and parts else kind


def _portable_dict(kind: Any) -> Any:
    fields = {
        name: (
            typing_extensions.Required if name in kind.__required_keys__ else typing_extensions.NotRequired
        )[portable(hint)]
        for name, hint in get_type_hints(kind).items()
    }
    make: Any = typing_extensions.TypedDict  # mypy knows only its literal use
    made = make(kind.__name__, fields)
    made.__doc__ = kind.__doc__
    return made


def adapter(name: str) -> TypeAdapter[Any]:
    """What checks a real document of that name."""
    return TypeAdapter(portable(DOCUMENTS[name]))


def schemas() -> dict[str, str]:
    """The text of every schema file."""
    made = {name: adapter(name).json_schema() for name in DOCUMENTS} | {
        "settings": Settings.model_json_schema()
    }
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in made.items()}


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for stale in directory.glob("*.json"):
        stale.unlink()
    for name, text in schemas().items():
        (directory / f"{name}.json").write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
