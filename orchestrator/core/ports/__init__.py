"""What the use cases need of the world, as small protocols; every one has a twin in `testing`.

All calls have a time limit of the adapter's and raise the errors of `core.errors` only.
"""

from orchestrator.core.ports.engine import (
    ByteStream,
    Container,
    ContainerPlan,
    ContainerState,
    Engine,
    EngineFacts,
    Finished,
    Images,
    Mount,
    Outlook,
)
from orchestrator.core.ports.files import BrokenRecord, Folders, Registry, Workspaces
from orchestrator.core.ports.history import (
    Checkpoint,
    Chunk,
    EventStore,
    Page,
    Recording,
    Standing,
    Transcript,
)
from orchestrator.core.ports.inside import Codex, Pane, Terminal, ThreadStatus
from orchestrator.core.ports.world import Clock, Progress

__all__ = [
    "BrokenRecord",
    "ByteStream",
    "Checkpoint",
    "Chunk",
    "Clock",
    "Codex",
    "Container",
    "ContainerPlan",
    "ContainerState",
    "Engine",
    "EngineFacts",
    "EventStore",
    "Finished",
    "Folders",
    "Images",
    "Mount",
    "Outlook",
    "Page",
    "Pane",
    "Progress",
    "Recording",
    "Registry",
    "Standing",
    "Terminal",
    "ThreadStatus",
    "Transcript",
    "Workspaces",
]
