"""A recording becomes the picture: python -m pictures RECORDING FOLDER."""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from pictures.cast import PROMPT, Cast, paced, read, with_poster, written
from pictures.poster import poster

_TEMPLATE = Path(__file__).with_name("window.svg")


def rendered(cast: Cast) -> str:
    """The picture, an element a line: a change of one is seen as one."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "demo.cast"), Path(folder, "demo.svg")
        source.write_text(written(with_poster(cast)))
        argv = ["termtosvg", "render", str(source), str(target), "--template", str(_TEMPLATE)]
        subprocess.run(argv, check=True, timeout=120, stdout=sys.stderr)
        return target.read_text().replace("><", ">\n<") + "\n"


@click.command()
@click.argument("recording", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def picture(recording: Path, folder: Path) -> None:
    """Write FOLDER/demo.svg from an asciicast, with its poster's text and the asciicast as it is shown."""
    cast = paced(read(recording.read_text()))
    lines = poster(rendered(cast))
    if sum(line.startswith("$") for line in lines) < cast.text.count(PROMPT):
        raise click.ClickException(f"the story needs more than {cast.rows} rows: the poster would be cut off")
    cast = replace(cast, rows=len(lines))
    folder.mkdir(exist_ok=True)
    (folder / "demo.cast").write_text(written(cast))
    (folder / "demo.txt").write_text("".join(f"{line}\n" for line in lines))
    (folder / "demo.svg").write_text(rendered(cast))


if __name__ == "__main__":
    picture()
