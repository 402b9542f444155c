"""The table of verbs, and a click group that imports a verb's file only when it is typed."""

from importlib import import_module

import click

#: Verb → the module under `commands` and the name in it; the order is that of the help.
VERBS = {
    "init": "init:init",
    "launch": "launch:launch",
    "send": "send:send",
    "snapshot": "snapshot:snapshot",
    "stream": "stream:stream",
    "ps": "ps:ps",
    "status": "status:status",
    "attach": "attach:attach",
    "interrupt": "interrupt:interrupt",
    "stop": "stop:stop",
    "rm": "rm:rm",
    "resume-all": "resume_all:resume_all",
    "doctor": "doctor:doctor",
    "config": "config:config",
    "daemon": "daemon:daemon",
    "registry": "registry:registry",
    "image": "image:image",
    "model": "model:model",
    "completion": "completion:completion",
    "version": "version:version",
}

#: What users of docker, tmux and the design's own documents type; not in the help.
ALIASES = {
    "spawn": "launch",
    "start": "launch",
    "run": "launch",
    "new": "launch",
    "ls": "ps",
    "list": "ps",
    "sessions": "ps",
    "show": "status",
    "inspect": "status",
    "logs": "stream",
    "tail": "stream",
    "events": "stream",
    "kill": "stop",
    "capture": "snapshot",
    "capture-pane": "snapshot",
    "send-message": "send",
    "exec": "attach",
    "remove": "rm",
    "resume": "resume-all",
}


class LazyGroup(click.Group):
    """The root group."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        verb = ALIASES.get(cmd_name, cmd_name)
        if verb not in VERBS:
            return None
        module, name = VERBS[verb].split(":")
        command = getattr(import_module(f"orchestrator.cli.commands.{module}"), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{name} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches  # noqa: PLC0415 - only a mistyped verb needs it

            near = get_close_matches(args[0], [*VERBS, *ALIASES], n=1)
            maybe = f" Did you mean `{near[0]}`?" if near else ""
            raise click.UsageError(f"There is no command `{args[0]}`.{maybe}", ctx)
        _, command, rest = super().resolve_command(ctx, args)
        return command.name if command else None, command, rest
