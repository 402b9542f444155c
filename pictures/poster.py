"""What a picture of termtosvg's shows where nothing moves: its first frame, as lines of text."""

from xml.etree import ElementTree as ET

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_CELL_WIDTH = 8


def poster(picture: str) -> list[str]:
    """The lines from the top to the last that is not empty, without spaces at their ends."""
    root = ET.fromstring(picture)  # noqa: S314 - made here, by termtosvg
    written = {f"#{group.get('id')}": _line(group) for group in root.iter(f"{_SVG}g") if group.get("id")}
    view = next(group for group in root.iter(f"{_SVG}g") if group.get("id") == "screen_view")
    shown = [written[use.attrib[_LINK]] for use in view[0].iter(f"{_SVG}use")]
    while shown and not shown[-1]:
        shown.pop()
    return shown


def _line(group: ET.Element) -> str:
    line = ""
    for text in group.findall(f"{_SVG}text"):
        line = line.ljust(int(text.attrib["x"]) // _CELL_WIDTH) + (text.text or "")
    return line.rstrip()
