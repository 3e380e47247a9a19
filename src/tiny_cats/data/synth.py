"""Drawn faces of cats, and of dogs as "other": a data folder for tests and smoke runs, without a download.

Each picture is a function of the seed, its class and its number. `dirt` adds what real folders have: copies,
a truncated file, a turned photograph, other formats under the name .jpg.
"""

import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tiny_cats.data.decode import ORIENTATION
from tiny_cats.data.folders import whole_folder
from tiny_cats.errors import DataError
from training_kit.files import write_bytes, write_text

VERSION = 1
NOTE = "synthetic.json"
OVERSAMPLING = 2

Colour = tuple[int, int, int]


class Coat(NamedTuple):
    fur: Colour
    mask: Colour  # ears and muzzle
    stripes: Colour | None
    eyes: Colour


COATS = {
    "black": Coat((38, 36, 40), (28, 26, 30), None, (210, 190, 60)),
    "ginger": Coat((222, 138, 62), (240, 190, 140), (168, 88, 30), (150, 170, 60)),
    "grey": Coat((128, 134, 148), (108, 114, 130), (88, 92, 106), (220, 170, 50)),
    "siamese": Coat((232, 218, 196), (92, 70, 60), None, (80, 150, 220)),
    "other": Coat((160, 112, 72), (110, 74, 46), None, (70, 44, 28)),
}


def make_pictures(
    folder: Path, *, per_class: int = 24, size: int = 96, seed: int = 0, dirt: bool = False
) -> Path:
    """Fills `folder` with `per_class` JPEGs of each class, or finds it so filled. Raises DataError."""
    if per_class < 1 or size < 32:
        raise DataError("a class has at least one picture, and a picture at least 32 pixels a side")
    asked = {"version": VERSION, "per_class": per_class, "size": size, "seed": seed, "dirt": dirt}
    if _is_made(folder, asked):
        return folder
    with whole_folder(folder) as part:
        for number, name in enumerate(COATS):
            (part / name).mkdir()
            for picture in range(per_class):
                image = draw(name, size, np.random.default_rng((seed, number, picture)))
                write_bytes(part / name / f"{name}_{picture + 1}.jpg", _jpeg(image))
        if dirt:
            for path, content in _dirt(part, size, seed):
                write_bytes(part / path, content)
        write_text(part / NOTE, json.dumps(asked))
    return folder


def _is_made(folder: Path, asked: dict[str, int]) -> bool:
    try:
        return bool(json.loads((folder / NOTE).read_bytes()) == asked)
    except (OSError, ValueError):
        return False


def draw(name: str, size: int, random: np.random.Generator) -> Image.Image:
    """One face of the class `name`, `size` pixels a side."""
    side = size * OVERSAMPLING
    image = _background(side, random)
    _Face(image, COATS[name], is_dog=name == "other", random=random).draw()
    angle = float(random.normal(0, 8))
    image = image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=image.getpixel((0, 0)))
    image = image.resize((size, size), Image.Resampling.LANCZOS)
    grain = random.normal(0, 4, (size, size, 3))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def _background(side: int, random: np.random.Generator) -> Image.Image:
    corners = random.integers(40, 230, (2, 2, 3), dtype=np.uint8)
    return Image.fromarray(corners).resize((side, side), Image.Resampling.BICUBIC)


class _Face:
    """Draws in units of the head's half width, from its middle."""

    def __init__(self, image: Image.Image, coat: Coat, *, is_dog: bool, random: np.random.Generator) -> None:
        self._pen, self._random, self._is_dog = ImageDraw.Draw(image), random, is_dog
        side = image.width
        self._unit = side * random.uniform(0.26, 0.36)
        self._x, self._y = side * random.uniform(0.42, 0.58), side * random.uniform(0.5, 0.62)
        shade = random.uniform(0.85, 1.15)
        self._fur, self._mask = _shaded(coat.fur, shade), _shaded(coat.mask, shade)
        self._stripes = _shaded(coat.stripes, shade) if coat.stripes else None
        self._eyes = _shaded(coat.eyes, random.uniform(0.9, 1.1))

    def draw(self) -> None:
        self._ears()
        self._oval(0, 0, 1, 0.9, self._fur)
        if self._stripes:
            for x in (-0.3, 0.0, 0.3):
                self._shape([(x - 0.06, -0.85), (x + 0.06, -0.85), (x * 0.8, -0.35)], self._stripes)
            for y in (0.1, 0.3):
                self._line(-0.95, y, -0.6, y + 0.05, self._stripes, 0.06)
                self._line(0.95, y, 0.6, y + 0.05, self._stripes, 0.06)
        self._oval(0, 0.42, 0.5 if self._is_dog else 0.42, 0.4 if self._is_dog else 0.28, self._mask)
        self._both_eyes()
        nose = (40, 30, 30) if self._is_dog else (214, 130, 130)
        self._shape([(-0.12, 0.25), (0.12, 0.25), (0, 0.4)], nose)
        self._line(0, 0.4, -0.14, 0.52, (50, 40, 40), 0.03)
        self._line(0, 0.4, 0.14, 0.52, (50, 40, 40), 0.03)
        if not self._is_dog:
            for tilt in (-0.12, 0.02, 0.16):
                self._line(-0.3, 0.42, -1.15, 0.36 + tilt, (235, 235, 235), 0.02)
                self._line(0.3, 0.42, 1.15, 0.36 + tilt, (235, 235, 235), 0.02)

    def _ears(self) -> None:
        for turn in (-1, 1):
            if self._is_dog:
                self._oval(turn * 0.95, 0.1, 0.28, 0.7, self._mask)
                continue
            tip = -1.25 - self._random.uniform(0, 0.2)
            self._shape([(turn * 0.95, -0.25), (turn * 0.75, tip), (turn * 0.2, -0.8)], self._mask)
            self._shape(
                [(turn * 0.82, -0.5), (turn * 0.72, tip + 0.25), (turn * 0.4, -0.78)], (226, 160, 160)
            )

    def _both_eyes(self) -> None:
        gaze, slit = self._random.uniform(-0.05, 0.05), self._random.uniform(0.03, 0.1)
        for turn in (-1, 1):
            self._oval(turn * 0.42, -0.1, 0.2, 0.16 if self._is_dog else 0.2, self._eyes)
            self._oval(
                turn * 0.42 + gaze,
                -0.1,
                0.1 if self._is_dog else slit,
                0.1 if self._is_dog else 0.17,
                (8, 8, 8),
            )
            self._oval(turn * 0.42 + gaze + 0.05, -0.17, 0.035, 0.035, (250, 250, 250))

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return self._x + x * self._unit, self._y + y * self._unit

    def _oval(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        self._pen.ellipse([self._at(x - width, y - height), self._at(x + width, y + height)], fill=colour)

    def _shape(self, corners: list[tuple[float, float]], colour: Colour) -> None:
        self._pen.polygon([self._at(*corner) for corner in corners], fill=colour)

    def _line(self, x: float, y: float, to_x: float, to_y: float, colour: Colour, width: float) -> None:
        thick = max(1, math.floor(width * self._unit))
        self._pen.line([self._at(x, y), self._at(to_x, to_y)], fill=colour, width=thick)


def _shaded(colour: Colour, shade: float) -> Colour:
    red, green, blue = (min(255, round(value * shade)) for value in colour)
    return red, green, blue


def _dirt(folder: Path, size: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """What is wrong or odd in real folders: (path, content)."""
    first = (folder / "black/black_1.jpg").read_bytes()
    image = Image.open(io.BytesIO(first))
    yield "black/copy_1.jpg", first
    yield "black/again_1.jpg", _jpeg(image.resize((size * 3 // 4, size * 3 // 4)), quality=60)
    yield "black/mirrored_1.jpg", _jpeg(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    random = np.random.default_rng((seed, len(COATS)))
    ginger, grey, siamese = (draw(name, size, random) for name in ("ginger", "grey", "siamese"))
    yield "ginger/truncated_1.jpg", _jpeg(ginger)[: size * 8]
    yield "ginger/png_1.jpg", _saved(ginger, "PNG")
    yield "ginger/gif_1.jpg", _saved(ginger.filter(ImageFilter.SMOOTH).convert("P"), "GIF")
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    yield "grey/turned_1.jpg", _saved(grey.rotate(90), "JPEG", exif=turned)
    yield "grey/inks_1.jpg", _saved(draw("grey", size, random).convert("CMYK"), "JPEG")
    clear = siamese.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    yield "siamese/clear_1.png", _saved(clear, "PNG")
    yield "siamese/dot_1.png", _saved(Image.new("RGB", (1, 1)), "PNG")
    yield "siamese/notes.txt", b"not a picture\n"
    yield "siamese/empty_1.jpg", b""


def _jpeg(image: Image.Image, quality: int = 92) -> bytes:
    return _saved(image, "JPEG", quality=quality)


def _saved(image: Image.Image, format_: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()
