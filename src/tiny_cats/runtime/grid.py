"""Pictures as files: one PNG of all as a grid, or one PNG each, with what they were drawn with inside."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tiny_cats.errors import ExportError
from tiny_cats.runtime.models import Bytes
from training_kit import files

GAP = 2  # white pixels between pictures


def write_grid(
    path: Path, pictures: Bytes, settings: Mapping[str, object], columns: int | None = None
) -> None:
    """One PNG, as square as it gets, filled row by row. Raises ExportError where it cannot be written."""
    _write(path, grid(pictures, columns), settings)


def write_each(folder: Path, pictures: Bytes, names: Sequence[str], settings: Mapping[str, object]) -> None:
    """`Bengal-0003.png` and the like in `folder`. Raises ExportError where one cannot be written."""
    for number, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        _write(folder / f"{name}-{number:04d}.png", picture.transpose(1, 2, 0), {**settings, "place": number})


def grid(pictures: Bytes, columns: int | None = None) -> Bytes:
    """uint8 (B, 3, H, W) -> (rows H, columns W, 3) with gaps."""
    count, _, height, width = pictures.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    page = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        y, x = place // columns * (height + GAP), place % columns * (width + GAP)
        page[y : y + height, x : x + width] = picture.transpose(1, 2, 0)
    return page


def _write(path: Path, picture: Bytes, settings: Mapping[str, object]) -> None:
    inside = PngInfo()
    for name, value in settings.items():
        inside.add_itxt(name, str(value))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.whole(path) as file:
            Image.fromarray(picture).save(file, "PNG", pnginfo=inside)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}") from None
