"""The mistakes that a classifier was surest of: wrong labels and strange pictures show up here first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

COLUMNS = 6
CELL_PX = 144
LINE_PX = 14


@dataclass(frozen=True, slots=True)
class Mistake:
    """`number`: the place in its split. `confidence`: in the wrong class, `left`: in the true one."""

    number: int
    true: str
    named: str
    confidence: float
    left: float


def worst_mistakes(
    p_NK: NDArray[np.floating], y_N: NDArray[np.integer], classes: Sequence[str], most: int = 24
) -> list[Mistake]:
    """The wrong answers, the surest first."""
    named_N = p_NK.argmax(axis=1)
    wrong = np.flatnonzero(named_N != y_N)
    worst = wrong[np.argsort(-p_NK[wrong, named_N[wrong]], kind="stable")][:most]
    return [
        Mistake(
            int(i), classes[y_N[i]], classes[named_N[i]], float(p_NK[i, named_N[i]]), float(p_NK[i, y_N[i]])
        )
        for i in worst
    ]


def mistakes_png(pictures: Sequence[NDArray[np.uint8]], mistakes: Sequence[Mistake]) -> bytes:
    """A grid of the mistakes' pictures (HWC, in the order of `mistakes`), what they are under each."""
    captions = [[f"{one.named} {one.confidence:.0%}", f"is {one.true}"] for one in mistakes]
    return grid_png(pictures, captions)


def grid_png(pictures: Sequence[NDArray[np.uint8]], captions: Sequence[Sequence[str]]) -> bytes:
    """Pictures (HWC) in rows of six, with up to two lines under each."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    # its DejaVu knows more scripts than pillow's own font
    font = ImageFont.truetype(matplotlib.get_data_path() + "/fonts/ttf/DejaVuSans.ttf", 11)
    columns, rows = max(1, min(COLUMNS, len(pictures))), max(1, -(-len(pictures) // COLUMNS))
    width, height = CELL_PX + 4, CELL_PX + 4 + LINE_PX * max((len(lines) for lines in captions), default=0)
    grid = Image.new("RGB", (columns * width, rows * height), "white")
    draw = ImageDraw.Draw(grid)
    for place, (picture, lines) in enumerate(zip(pictures, captions, strict=True)):
        left, top = place % COLUMNS * width + 2, place // COLUMNS * height + 2
        grid.paste(Image.fromarray(picture).resize((CELL_PX, CELL_PX), Image.Resampling.BICUBIC), (left, top))
        for number, words in enumerate(lines):
            fitting = _fit(words, lambda text: draw.textlength(text, font))
            draw.text((left, top + CELL_PX + LINE_PX * number), fitting, "black", font)
    png = BytesIO()
    grid.save(png, "PNG")
    return png.getvalue()


def _fit(words: str, width_of: Callable[[str], float]) -> str:
    """As much of `words` as a cell has room for."""
    if width_of(words) <= CELL_PX:
        return words
    while words and width_of(words + "…") > CELL_PX:
        words = words[:-1]
    return words + "…"
