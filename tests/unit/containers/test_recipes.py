"""An image is named after all that it is made of, and after nothing else."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

from orchestrator.containers import recipes, resources
from orchestrator.containers.recipes import Recipe

RECIPE = Recipe(
    repository="orchestrator-agent",
    version="1",
    files={"Dockerfile": b"FROM x", "opt/a.py": b"a"},
    arguments={"AGENT_UID": "1000"},
)


def packed(recipe: Recipe) -> bytes:
    out = io.BytesIO()
    recipe.pack(out)
    return out.getvalue()


def test_the_name_follows_from_the_content() -> None:
    """The same content has the same name, whatever order it comes in; any change has another."""
    other_order = replace(RECIPE, files=dict(reversed(list(RECIPE.files.items()))))
    assert other_order.name == RECIPE.name
    changes = [
        replace(RECIPE, files={**RECIPE.files, "opt/a.py": b"b"}),
        replace(RECIPE, files={**RECIPE.files, "opt/b.py": b""}),
        replace(RECIPE, files={"Dockerfile": b"FROM xo", "pt/a.py": b"a"}),
        replace(RECIPE, arguments={"AGENT_UID": "1001"}),
        replace(RECIPE, version="2"),
    ]
    assert len({RECIPE.name, *(change.name for change in changes)}) == len(changes) + 1


def test_the_context_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    """Else no layer would be found again. Programs stay executable; Python's own files stay at home."""
    for name in ("bin/codex", "codex_cli_bin.py", "__pycache__/x.pyc", "about.json"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
    (tmp_path / "bin/codex").chmod(0o755)
    recipe = replace(RECIPE, folders={"codex": tmp_path})
    first = packed(recipe)
    (tmp_path / "bin/codex").touch()
    assert packed(recipe) == first
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        modes = {entry.name: entry.mode for entry in tar}
    assert modes == {
        "Dockerfile": 0o644,
        "opt/a.py": 0o644,
        "codex/about.json": 0o644,
        "codex/bin/codex": 0o755,
    }


def test_the_agent_image_holds_what_the_supervisor_needs_and_no_more() -> None:
    """Its data files, too; no documents, no rooms of the host."""
    files = recipes.agent("base", 1000, "x86_64").files
    assert {"Dockerfile", "opt/__main__.py", "opt/orchestrator/supervisor/tmux.conf"} <= set(files)
    inside = {
        path.removeprefix("opt/orchestrator/").split("/")[0] for path in files if "/orchestrator/" in path
    }
    assert inside == {"__init__.py", "core", "codex", "codex_connection", "supervisor"}
    assert not [path for path in files if path.endswith((".md", ".pyc"))]


def test_codex_of_this_machine_is_taken_only_where_it_fits() -> None:
    """Another processor's codex would not run in the container."""
    assert recipes.installed_codex("no-such-processor") is None
    found = recipes.installed_codex("x86_64")
    assert found is None or (found / "bin" / "codex").is_file()


def test_the_model_image_holds_the_scripted_model() -> None:
    """With its own scenario."""
    files = recipes.model("base").files
    assert "opt/orchestrator/testing/model/demo.json" in files
    assert not [path for path in files if "supervisor" in path]


def test_the_seccomp_profile_is_one_line_of_json() -> None:
    """The engine takes the profile itself, not its path."""
    profile = resources.seccomp_profile()
    assert profile.startswith("{")
    assert "\n" not in profile
