"""The root group with its common options; everything that takes time to import is behind it."""

import click

from orchestrator import __version__
from orchestrator.cli.error_handler import guarded
from orchestrator.cli.invocation import common_options
from orchestrator.cli.lazy import LazyGroup


@click.group(
    cls=LazyGroup,
    params=[*common_options()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(version)s")
def cli() -> None:
    """Run a team of Codex agents, one container each.

    A SESSION is named by its id, a unique prefix of it, or its role.
    """


def run() -> int:
    return guarded(lambda: cli.main(prog_name="orchestrator", standalone_mode=False))
