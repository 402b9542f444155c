"""What a launch is asked for: the request goes before the role's table, and that before the settings."""

import asyncio
from typing import TypeVar

from orchestrator.api.models import LaunchOptions
from orchestrator.core.identity import check_role
from orchestrator.core.policies import Limits, Policies
from orchestrator.core.session import Session
from orchestrator.daemon import plans
from orchestrator.daemon.daemon import Daemon
from orchestrator.daemon.roles import table
from orchestrator.daemon.sections import Role
from orchestrator.sessions.launch import Order
from orchestrator.sessions.step import Step

T = TypeVar("T")


async def order_of(daemon: Daemon, asked: LaunchOptions, name: str) -> Order:
    """The order for one role, without a prompt; the role's table is read now.

    Raises:
        InvalidInput: that is no name of a role.
        SettingsInvalid: the settings, or the file of the role's instructions, cannot be read.
    """
    check_role(name)
    role = await asyncio.to_thread(lambda: table(daemon.roles(), name))
    return Order(
        role=name,
        policies=_policies(asked, role, daemon.world.rules.default_policies),
        workspace=asked.workspace or role.workspace,
        branch=asked.branch or role.branch,
        image=asked.image or role.image,
        parent=asked.parent,
        base_url=asked.base_url or role.base_url,
        secrets={**role.secrets, **asked.secrets},
        sender=asked.sender,
    )


def _policies(asked: LaunchOptions, role: Role, default: Policies) -> Policies:
    instructions = (asked.developer_instructions, role.developer_instructions, default.developer_instructions)
    return Policies(
        model=asked.model or role.model or default.model,
        reasoning=asked.reasoning or role.reasoning or default.reasoning,
        sandbox=asked.sandbox or role.sandbox or default.sandbox,
        approval=asked.approval or role.approval or default.approval,
        developer_instructions=next(filter(None, instructions), ""),
        limits=Limits(
            memory=_first(asked.memory, role.memory, default.limits.memory),
            cpus=_first(asked.cpus, role.cpus, default.limits.cpus),
            pids=_first(asked.pids, role.pids, default.limits.pids),
        ),
    )


def _first(asked: T | None, role: T | None, default: T) -> T:
    """What is given may be zero; that is refused later, not passed over."""
    if asked is not None:
        return asked
    return default if role is None else role


def inside(session: Session, *, prompt: str = "") -> list[Step]:
    """What the container's own supervisor does, and the prompt's way into it."""
    first = plans.prompt(session, prompt) if prompt else []
    return [*plans.supervised(session), *first]
