"""Control mode is read right however its bytes are cut, and whatever an answer looks like."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.terminal.control import Block, ControlParser, Event, Notification

LINES = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20)
CONTENT = LINES | st.sampled_from(["%end", "%end 7 7 1", "%begin 1 2 1", "%exit", "%error 1 2 0"])
BLOCKS = st.builds(
    Block,
    number=st.integers(1000, 9999),
    ours=st.booleans(),
    ok=st.booleans(),
    lines=st.lists(CONTENT, max_size=4).map(tuple),
)
NOTIFICATIONS = st.builds(
    Notification, name=st.sampled_from(["exit", "session-changed", "client-detached"]), text=LINES
)


def printed(event: Event) -> bytes:
    if isinstance(event, Notification):
        return f"%{event.name} {event.text}\n".encode()
    guard = f"17952329 {event.number} {int(event.ours)}"
    end = "end" if event.ok else "error"
    return "".join(f"{row}\n" for row in (f"%begin {guard}", *event.lines, f"%{end} {guard}")).encode()


@given(st.lists(BLOCKS | NOTIFICATIONS, max_size=6), st.lists(st.integers(1, 40), max_size=30))
def test_events_are_the_same_however_the_bytes_are_cut(events: list[Event], sizes: list[int]) -> None:
    """Any cut, also inside a character, and lines that look like marks: the same blocks in the same order."""
    data = b"".join(printed(event) for event in events)
    parser = ControlParser()
    seen: list[Event] = []
    for size in [*sizes, len(data)]:
        seen += parser.feed(data[:size])
        data = data[size:]
    assert seen == events


def test_an_answer_that_is_cut_off_is_no_answer() -> None:
    """A block without its end is not reported."""
    assert ControlParser().feed(b"%begin 1 2 1\nhalf of it\n") == []


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_survived(data: bytes) -> None:
    """No input makes the parser fail; what is not control mode is passed over."""
    ControlParser().feed(data)


def test_attaching_answers_with_a_block_that_is_not_ours() -> None:
    """As tmux 3.3a prints it when a client attaches while its first command runs already."""
    printed_by_tmux = (
        b"%begin 1795232977 266 1\n0 0 16944\n%end 1795232977 266 1\n"
        b"%begin 1795232977 267 0\n%end 1795232977 267 0\n%session-changed $0 abc\n%exit\n"
    )
    assert ControlParser().feed(printed_by_tmux) == [
        Block(number=266, ours=True, ok=True, lines=("0 0 16944",)),
        Block(number=267, ours=False, ok=True, lines=()),
        Notification(name="session-changed", text="$0 abc"),
        Notification(name="exit", text=""),
    ]
