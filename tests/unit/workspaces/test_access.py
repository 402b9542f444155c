"""Who may come into a workspace: the table of owners, modes and access lists."""

import struct

import pytest

from orchestrator.core.errors import Exit, InvalidInput
from orchestrator.workspaces.access import ENTER, READ, WRITE, Entry, Folder, Who, access_list, judge

AGENT = 1000
OTHER = 12345
ALL, RX, NONE = READ | WRITE | ENTER, READ | ENTER, 0
WARNED = f"; the agent works as uid {AGENT} and may not write there"
SHUT = f"the agent (uid {AGENT}) may not come into the workspace /w: "


def listed(*named: Entry, group: int = NONE, mask: int = ALL) -> tuple[Entry, ...]:
    return (
        Entry(Who.OWNER, ALL),
        *named,
        Entry(Who.OWNING_GROUP, group),
        Entry(Who.MASK, mask),
        Entry(Who.OTHERS, NONE),
    )


def shut_to_owner() -> tuple[Entry, ...]:
    return (Entry(Who.OWNER, WRITE | ENTER), *listed()[1:])


@pytest.mark.parametrize(
    ("owner", "group", "mode", "outcome"),
    [
        (OTHER, OTHER, 0o700, SHUT),
        (OTHER, OTHER, 0o701, SHUT),
        (OTHER, OTHER, 0o704, SHUT),
        (OTHER, OTHER, 0o705, WARNED),
        (OTHER, OTHER, 0o707, ""),
        (OTHER, AGENT, 0o755, WARNED),
        (OTHER, AGENT, 0o775, ""),
        (OTHER, AGENT, 0o705, SHUT),
        (OTHER, AGENT, 0o750, WARNED),
        (OTHER, AGENT, 0o751, WARNED),
        (OTHER, 0, 0o750, SHUT),
        (0, 0, 0o700, SHUT),
        (0, 0, 0o605, WARNED),
        (0, AGENT, 0o770, ""),
        (AGENT, AGENT, 0o755, ""),
        (AGENT, AGENT, 0o711, ""),
        (AGENT, AGENT, 0o700, ""),
        (AGENT, OTHER, 0o750, ""),
        (AGENT, OTHER, 0o500, WARNED),
        (AGENT, AGENT, 0o377, SHUT),
        (AGENT, AGENT, 0o077, SHUT),
        (AGENT, 0, 0o710, ""),
    ],
)
def test_owner_group_and_others_decide_in_that_order(owner: int, group: int, mode: int, outcome: str) -> None:
    """The agent has to read; the first class that it is in decides alone, whatever root may."""
    assert outcome in outcome_of(Folder(owner=owner, group=group, mode=0o40000 | mode))
    assert bool(outcome_of(Folder(owner=owner, group=group, mode=mode))) is bool(outcome)


@pytest.mark.parametrize(
    ("entries", "outcome"),
    [
        (listed(Entry(Who.USER, RX, AGENT)), WARNED),
        (listed(Entry(Who.USER, ALL, AGENT)), ""),
        (listed(Entry(Who.USER, ALL, AGENT), mask=ENTER), SHUT),
        (listed(Entry(Who.GROUP, RX, AGENT)), WARNED),
        (listed(Entry(Who.USER, RX, OTHER)), SHUT),
        (listed(Entry(Who.GROUP, RX, OTHER)), SHUT),
        (listed(Entry(Who.USER, ALL, 0)), SHUT),
    ],
)
def test_an_access_list_decides_in_place_of_the_bits(entries: tuple[Entry, ...], outcome: str) -> None:
    """Whatever the group's bits say, which are its mask then; the list of another user helps nobody."""
    folder = Folder(owner=OTHER, group=OTHER, mode=0o770, entries=entries)
    assert outcome in outcome_of(folder)
    assert bool(outcome_of(folder)) is bool(outcome)


def outcome_of(folder: Folder) -> str:
    """What is said about the workspace /w."""
    try:
        return " ".join(judge("/w", folder, AGENT, maps_users=False))
    except InvalidInput as exc:
        return exc.message


def test_a_refusal_says_what_is_wrong_and_what_to_do() -> None:
    """One line each, and the exit code of invalid input."""
    with pytest.raises(InvalidInput) as caught:
        judge("/a b", Folder(owner=OTHER, group=OTHER, mode=0o700), AGENT, maps_users=False)
    assert caught.value.exit_status is Exit.USAGE
    assert (caught.value.message, caught.value.hint) == (
        "the agent (uid 1000) may not come into the workspace /a b: it belongs to 12345:12345 with mode 700",
        "`chmod a+rx '/a b'`, or `--branch NAME` for a clone of the agent's own",
    )


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        (Folder(owner=AGENT, group=AGENT, mode=0o377), "`chmod a+rx /w`"),
        (Folder(owner=OTHER, group=OTHER, mode=0o700, entries=listed()), "`setfacl -m u:1000:rx /w`"),
        (Folder(owner=AGENT, group=OTHER, mode=0o377, entries=shut_to_owner()), "`chmod a+rx /w`"),
    ],
)
def test_the_command_to_type_is_one_that_helps(folder: Folder, command: str) -> None:
    """With an access list, the group's bits are only what the list may give at most."""
    with pytest.raises(InvalidInput) as caught:
        judge("/w", folder, AGENT, maps_users=False)
    assert caught.value.hint.startswith(command)


@pytest.mark.parametrize("doubt", ["the engine", "the file system"])
def test_where_the_bits_may_mean_something_else_a_no_is_a_warning(doubt: str) -> None:
    """The launch tells then; a yes is not doubted."""
    other_rules = doubt == "the file system"
    shut = Folder(owner=OTHER, group=OTHER, mode=0o700, other_rules=other_rules)
    (said,) = judge("/w", shut, AGENT, maps_users=not other_rules)
    assert said.startswith("the agent (uid 1000) may be unable to come into /w: it belongs to 12345:12345")
    open_ = Folder(owner=AGENT, group=AGENT, mode=0o755, other_rules=other_rules)
    assert judge("/w", open_, AGENT, maps_users=not other_rules) == []


def test_an_access_list_is_read_as_the_kernel_gives_it() -> None:
    """Little-endian tags, rights and numbers behind their version."""
    packed = (
        struct.pack("<I", 2) + struct.pack("<HHI", 0x02, 5, AGENT) + struct.pack("<HHI", 0x20, 0, 2**32 - 1)
    )
    assert access_list(packed)[0] == Entry(Who.USER, RX, AGENT)
    assert access_list(packed)[1].who is Who.OTHERS


@pytest.mark.parametrize(
    "torn", [b"", struct.pack("<I", 1), struct.pack("<IH", 2, 1), struct.pack("<IHHI", 2, 3, 0, 0)]
)
def test_what_is_no_such_list_is_not_taken_for_one(torn: bytes) -> None:
    """Of another version, cut off, or with an entry that nobody knows."""
    with pytest.raises(ValueError):  # noqa: PT011 - its words differ, and nobody reads them
        access_list(torn)
