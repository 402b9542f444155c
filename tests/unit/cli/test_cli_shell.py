"""The shell around the verbs: errors, exit codes, aliases, imports, colours."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from orchestrator.cli.error_handler import guarded
from orchestrator.cli.lazy import ALIASES, VERBS
from orchestrator.cli.root import cli
from orchestrator.core.errors import leaves
from tests.children import without_settings

SCRIPT = str(Path(sys.executable).with_name("orchestrator"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


def run(place: Path, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = without_settings() | {
        "HOME": str(place),
        "XDG_STATE_HOME": str(place / "state"),
        "ORCHESTRATOR_HOME": str(place / "data"),
    }
    return subprocess.run(
        [SCRIPT, *argv],
        env=env | environment,
        cwd=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("code", sorted(leaves()))
def test_every_known_error_is_one_line_and_a_hint(
    code: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An expected failure shows no traceback, and exits with its documented code."""
    monkeypatch.setattr(sys, "argv", ["orchestrator"])
    error = leaves()[code]("it went wrong", hint="do this")

    def fail() -> None:
        raise error

    assert guarded(fail) == error.exit_status
    assert capsys.readouterr().err == "error: it went wrong\nhint: do this\n"


def test_an_output_that_is_full_is_no_bug(place: Path) -> None:
    """One line and exit 1; what Python still holds back is not complained of again."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SCRIPT, "version"], cwd=place, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (
        1,
        b"error: the output cannot be written: No space left on device\n",
    )


def test_an_error_under_json_is_a_document_on_stderr(place: Path) -> None:
    """Programs read the code; stdout stays empty."""
    done = run(place, "launch", "Not A Role", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert json.loads(done.stderr)["error"].keys() == {"code", "message", "hint"}
    assert json.loads(done.stderr)["error"]["code"] == "invalid_input"


def test_a_usage_error_under_json_is_a_document_too(place: Path) -> None:
    """Even what click refuses."""
    done = run(place, "send", "x", "--json")
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["code"] == "usage"


def test_a_usage_error_is_one_line(place: Path) -> None:
    """Whatever click breaks into several."""
    done = run(place, "completion")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].endswith("bash, zsh, fish")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("argv", [[], ["config"]])
def test_a_group_without_a_verb_shows_its_help(place: Path, argv: list[str]) -> None:
    """On stderr with exit 2, and not as an error."""
    done = run(place, *argv)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: orchestrator")
    assert "error:" not in done.stderr


def test_a_mistyped_verb_is_answered_with_the_near_one(place: Path) -> None:
    """`snapshto` means snapshot."""
    done = run(place, "snapshto")
    assert done.returncode == 2
    assert "Did you mean `snapshot`" in done.stderr


def test_a_verb_that_is_near_to_none_has_one_hint(place: Path) -> None:
    """Where the commands are listed."""
    done = run(place, "help")
    assert (done.returncode, done.stderr) == (
        2,
        "error: There is no command `help`.\nhint: `orchestrator --help` lists the commands and options\n",
    )


def test_sizes_are_shown_as_they_are_written_and_are_bytes_for_programs(place: Path) -> None:
    """Those of a role, too; a secret that is called so is no size."""
    place.joinpath("data").mkdir()
    place.joinpath("data", "orchestrator.toml").write_text(
        '[roles.a]\nmemory = "512m"\n[roles.a.secrets]\nmemory = "/x"\n'
    )
    lines = run(place, "config", "show").stdout.splitlines()
    assert [line.split("\t")[1] for line in lines if ".memory" in line] == ["2g", "512m", "/x"]
    found = json.loads(run(place, "config", "show", "--json").stdout)
    assert (found["agent.memory"], found["roles.a.memory"]) == (2 * 1024**3, 512 * 1024**2)


def test_a_bug_exits_3_and_leaves_a_log(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user sees one line; the log has the version and the traceback."""
    monkeypatch.setenv("XDG_STATE_HOME", str(place))
    monkeypatch.setattr(sys, "argv", ["orchestrator", "ps"])
    assert guarded(lambda: 1 / 0) == 3
    (log,) = place.rglob("error-*.log")
    assert "ZeroDivisionError" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_a_bug_without_a_place_for_logs_still_leaves_one(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unwritable state directory does not hide the bug."""
    (place / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(place / "file"))
    assert guarded(lambda: 1 / 0) == 3
    path = Path(capsys.readouterr().err.split("the details are in ")[1].strip())
    assert "ZeroDivisionError" in path.read_text()


def test_ctrl_c_exits_130(capsys: pytest.CaptureFixture[str]) -> None:
    """An interrupt is not an error of ours, and shows no traceback."""

    def stop() -> None:
        raise KeyboardInterrupt

    assert guarded(stop) == 130
    assert "Traceback" not in capsys.readouterr().err


#: Ctrl-C at the moment when a given module is first looked for.
STRUCK = """
import os, signal, sys
del sys.modules["signal"]
class Strike:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Strike())
sys.argv = ["orchestrator", *{argv!r}]
from orchestrator.cli.main import main
sys.exit(main())
"""


def struck(place: Path, script: str, module: str, argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script.format(module=module, argv=argv)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=place,
    )


@pytest.mark.parametrize(
    ("module", "argv"),
    [
        ("signal", ["version"]),
        ("click", ["version"]),
        ("click", ["version", "--json"]),
        ("orchestrator.cli.lazy", ["version"]),
        ("orchestrator.cli.commands.version", ["version"]),
        ("orchestrator.cli.commands.version", ["version", "--json"]),
    ],
)
def test_ctrl_c_while_the_program_is_being_imported_exits_130(
    place: Path, module: str, argv: list[str]
) -> None:
    """Without a traceback, whatever was being imported; under `--json` it says so as always."""
    done = struck(place, STRUCK, module, argv)
    assert (done.returncode, done.stdout) == (130, "")
    said = json.loads(done.stderr)["error"]["code"] if "--json" in argv else done.stderr.strip()
    assert said == ("interrupted" if "--json" in argv else "")


def test_a_program_that_was_told_to_ignore_ctrl_c_goes_on_ignoring_it(place: Path) -> None:
    """As a shell's background job has it."""
    script = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + STRUCK
    done = struck(place, script, "click", ["version"])
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def typo(place: Path) -> Iterator[Path]:
    """A data directory that is not there; a daemon that was started for it all the same is stopped."""
    yield place / "typo"
    run(place, "daemon", "stop", "--home", str(place / "typo"))


READING = [
    ["ps"],
    ["status", "x"],
    ["snapshot", "x"],
    ["stream", "x"],
    ["attach", "x"],
    ["registry", "verify"],
    ["send", "x", "y"],
    ["interrupt", "x"],
    ["stop", "x"],
    ["rm", "x", "-y"],
    ["resume-all"],
]


@pytest.mark.parametrize("argv", READING)
def test_a_data_directory_that_is_not_there_is_not_made_to_look_into_it(
    place: Path, typo: Path, argv: list[str]
) -> None:
    """A mistyped `--home` says so, exits 4, and leaves neither a directory nor a daemon."""
    done = run(place, *argv, "--home", str(typo))
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.splitlines()[0] == f"error: there is no data directory {typo}"
    assert not typo.exists()


def test_the_doctor_finds_that_a_named_data_directory_is_not_there(place: Path, typo: Path) -> None:
    """Its first finding, and it makes none."""
    done = run(place, "doctor", "--home", str(typo))
    assert done.returncode == 1
    assert f"there is no data directory {typo}" in done.stdout
    assert not typo.exists()


def test_a_reader_that_leaves_is_no_error(place: Path) -> None:
    """As in `orchestrator completion bash | true`."""
    done = subprocess.run(
        ["bash", "-c", f"{SCRIPT} completion bash | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=place,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_every_verb_can_be_loaded_and_explains_itself() -> None:
    """The table of verbs has no dead entry, and each verb has `--json`, `--home` and a help line."""
    context = click.Context(cli)
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        assert command.help
        leafs = command.commands.values() if isinstance(command, click.Group) else [command]
        for leaf in leafs:
            assert {"--json", "--home", "--quiet"} <= {o for p in leaf.params for o in p.opts}, verb


def test_aliases_lead_to_verbs_and_stay_out_of_the_help(place: Path) -> None:
    """Words of docker and tmux users work without crowding the help."""
    assert set(ALIASES.values()) <= set(VERBS)
    assert not set(ALIASES) & set(VERBS)
    text = run(place, "--help").stdout
    assert "spawn" not in text
    assert "capture" not in text
    assert run(place, "spawn", "--help").stdout == run(place, "launch", "--help").stdout


CHANGING = ["launch", "send", "interrupt", "stop", "rm", "resume-all"]


@pytest.mark.parametrize("verb", CHANGING)
def test_every_verb_that_changes_something_has_a_dry_run(verb: str) -> None:
    """Nothing needs to be done to see what would be."""
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    assert "--dry-run" in {option for param in command.params for option in param.opts}


HEAVY = {"docker", "fastapi", "pydantic", "textual", "rich", "uvicorn", "structlog"}
SPY = "import sys; from orchestrator.cli.main import main; main(); print(*sys.modules, file=sys.stderr)"


@pytest.mark.parametrize("argv", [["--help"], ["send", "--help"], ["send", "nobody", " "], ["version"]])
def test_light_verbs_import_nothing_heavy(argv: list[str], place: Path) -> None:
    """A command that only talks to the daemon starts quickly."""
    done = subprocess.run(
        [sys.executable, "-c", SPY, *argv],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=place,
        env=os.environ | {"ORCHESTRATOR_HOME": str(place)},
    )
    modules = done.stderr.split()
    assert "orchestrator.cli.root" in modules
    assert not HEAVY & {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    ("argv", "environment", "coloured"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_obey_the_flag_then_the_environment(
    place: Path, argv: list[str], environment: dict[str, str], *, coloured: bool
) -> None:
    """`--color` wins, NO_COLOR comes next, FORCE_COLOR last; a pipe is not coloured."""
    done = run(place, "doctor", *argv, ORCHESTRATOR_SEND__QUEUE_LIMIT="wrong", **environment)
    assert ("\x1b[" in done.stdout) is coloured, done
