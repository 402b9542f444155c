"""Which files a unified diff of git's form changes."""

import re
from collections.abc import Iterator

from orchestrator.core.places import WORK

_HEADER = re.compile(r"^diff --git ", re.MULTILINE)
_RENAMED = re.compile(r"^rename to (.+)$", re.MULTILINE)


def changed_files(diff: str) -> list[str]:
    """The paths in their order, relative to the workspace if below it; of a renamed file the new one."""
    return list(dict.fromkeys(relative(path) for path in _paths(diff)))


def _paths(diff: str) -> Iterator[str]:
    for part in _HEADER.split(diff)[1:]:
        head = part.split("\n@@", 1)[0]
        names, renamed = head.split("\n", 1)[0], _RENAMED.search(head)
        yield unquoted(renamed[1]) if renamed else _new_name(names)


def _new_name(names: str) -> str:
    """The `b/…` of `a/NAME b/NAME`, where NAME may hold spaces but is the same twice."""
    middle = len(names) // 2
    old, new = names[:middle], names[middle + 1 :]
    if len(names) % 2 and unquoted(old)[2:] == unquoted(new)[2:]:
        return unquoted(new)[2:]
    return unquoted(names.rpartition(" ")[2]).removeprefix("b/")


def unquoted(name: str) -> str:
    """A name as git writes it: in quotes, with octal bytes, where it holds what is not plain."""
    if len(name) < 2 or name[0] != '"' or name[-1] != '"':  # noqa: PLR2004 - two quotes
        return name
    found = re.findall(rb"\\([0-7]{3})|\\(.)|([^\\]+)", name[1:-1].encode("utf-8", "replace"), re.DOTALL)
    return b"".join(
        bytes([int(octal, 8) & 255]) if octal else _ESCAPES.get(escaped, escaped) or plain
        for octal, escaped, plain in found
    ).decode("utf-8", "replace")


_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


def relative(path: str) -> str:
    return path.removeprefix(f"{WORK}/") if path != f"{WORK}/" else path
