"""`orchestrator completion`: the script that a shell completes our commands with."""

import click
from click.shell_completion import get_completion_class

from orchestrator.cli.invocation import Verb
from orchestrator.cli.output import answer
from orchestrator.core.errors import InvalidInput

_HOWTO = {
    "bash": '# eval "$(orchestrator completion bash)"',
    "zsh": '# eval "$(orchestrator completion zsh)"',
    "fish": "# orchestrator completion fish | source",
}


@click.command(cls=Verb)
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    It completes commands, options, roles and session ids.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise InvalidInput(f"there is no completion for {shell}")
    root = click.get_current_context().find_root().command
    script = kind(root, {}, "orchestrator", "_ORCHESTRATOR_COMPLETE").source()
    answer({"shell": shell, "script": script}, lambda: click.echo(f"{_HOWTO[shell]}\n{script}"))
