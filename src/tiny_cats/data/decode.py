"""From a file's bytes to a square of RGB, as a person sees it; what cannot be shown whole is refused by name.

JPEGs go through simplejpeg, scaled by a power of two while they are decoded, the rest through pillow. What a
name ends in is never looked at.
"""

import io
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageChops, UnidentifiedImageError

from tiny_cats.errors import DataError

UInt8 = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
NO_PICTURE = f"its first bytes are none of {', '.join(FORMATS)}"
MIN_SIDE, MAX_SIDE, MAX_PIXELS = 16, 16_384, 100_000_000
MAX_BYTES = 256 * 2**20  # of a file: it is read whole
# A JPEG is scaled by a power of two as it is decoded, to no less than this times the size asked for; the
# finest detail is the price. Against a decode in full (200 of Oxford's pictures, median and worst twentieth):
# at 128 px 39 and 33 dB at 1.15 (715 images a second), worst 40 dB at 1.5 (509); at 64 px 37 and 28 dB at
# 1.15 (1,005), 43 and 36 dB at 2 (810).
HEADROOM, HEADROOM_OF_SMALL, SMALL = 1.15, 2.0, 96
OPAQUE = (255, 255, 255)  # behind transparent pixels: paper
ORIENTATION = 0x0112

# pillow's own limit warns or raises by a global; ours is MAX_PIXELS, looked at before a pixel is decoded
Image.MAX_IMAGE_PIXELS = None


_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class Fault(StrEnum):
    """Why a file is not used. The values appear in reports."""

    UNREADABLE = "unreadable"  # the operating system refuses it
    EMPTY = "empty"
    NOT_A_PICTURE = "not-a-picture"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    TOO_SMALL = "too-small"
    TOO_LARGE = "too-large"
    NO_CLASS = "no-class"  # it lies beside the class folders, not in one
    TWO_CLASSES = "two-classes"  # the same bytes under two classes: which one is right cannot be known


class Note(StrEnum):
    """What was seen to in a picture that is used."""

    OTHER_FORMAT = "other-format"  # than its name says
    TURNED = "turned"  # by its EXIF orientation
    CMYK = "cmyk"
    ALPHA = "alpha"  # laid on white
    PALETTE = "palette"
    GREY = "grey"
    DEEP = "16-bit"
    FRAMES = "frames"  # the first of several is taken
    STRAY_BYTES = "stray-bytes"  # inside a JPEG; no pixel is touched


class PictureError(DataError):
    """A picture that cannot be used. `fault` names why, `detail` says it in words."""

    def __init__(self, fault: Fault, detail: str, path: Path | None = None) -> None:
        super().__init__(f"{path}: {fault.value}: {detail}" if path else f"{fault.value}: {detail}")
        self.fault, self.detail, self.path = fault, detail, path

    def __reduce__(self) -> tuple[object, ...]:  # crosses process boundaries
        return (PictureError, (self.fault, self.detail, self.path))


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's middle square. `width`, `height`: of the whole, as it is shown."""

    pixels_HWC: UInt8
    format: str
    width: int
    height: int
    notes: tuple[Note, ...]


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is meant to be a picture of a known format; it may be damaged."""
    return head.startswith(_BEGINNINGS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


@contextmanager
def quiet() -> Iterator[None]:
    """Drops warnings of odd metadata; what matters is raised. Enter it around threads, not in them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_picture(path: Path, size: int) -> Picture:
    """The middle square of a file's picture at `size` pixels a side. Raises PictureError with the path."""
    try:
        with quiet():
            return decode(read_picture(path), size)
    except PictureError as error:
        raise PictureError(error.fault, error.detail, path) from None
    except OSError as error:
        raise PictureError(Fault.UNREADABLE, error.strerror or str(error), path) from None


def read_picture(path: Path) -> bytes:
    """A file's bytes, if it begins as a picture does and is not too long. Raises PictureError, OSError."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
        raise PictureError(Fault.NOT_A_PICTURE, "it is no regular file: remove it")
    if found.st_size > MAX_BYTES:
        raise PictureError(
            Fault.TOO_LARGE, f"{found.st_size:,} bytes, and {MAX_BYTES:,} are the most: make it smaller"
        )
    with path.open("rb") as file:
        head = file.read(32)
        if head and not is_picture(head):
            raise PictureError(Fault.NOT_A_PICTURE, NO_PICTURE)
        return head + file.read()


def decode(data: bytes, size: int) -> Picture:
    """The middle square of the picture in `data` at `size` pixels a side. Raises PictureError."""
    if not data:
        raise PictureError(Fault.EMPTY, "the file has no bytes: fetch it again, or remove it")
    try:
        return _decode(data, size)
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(Fault.NOT_A_PICTURE, NO_PICTURE) from None
    except MemoryError:
        raise
    except Exception as error:  # pillow raises nearly every type for damaged files
        words = f"{error}".strip().rstrip(".") or type(error).__name__
        fault = Fault.TRUNCATED if "truncated" in words.lower() else Fault.DAMAGED
        raise PictureError(fault, f"{words}: get it again from where it came") from None


def _decode(data: bytes, size: int) -> Picture:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        format_ = "JPEG" if image.format == "MPO" else str(image.format)
        _check_size(image)
        notes: list[Note] = []
        turn = _turn(image)
        width, height = image.size
        pixels_HWC = None
        if format_ == "JPEG" and image.mode in ("RGB", "L"):
            pixels_HWC = _decode_jpeg(data, image, size, notes)
        shown = _as_rgb(image, notes) if pixels_HWC is None else Image.fromarray(pixels_HWC)
        square = _square(shown, size)
        if turn in _TURNS:
            notes.append(Note.TURNED)
        if format_ == "TIFF":  # pillow turns these itself as it loads them
            width, height = shown.size
        elif turn in _TURNS:
            square = square.transpose(_TURNS[turn])
            if turn >= 5:
                width, height = height, width
        return Picture(np.asarray(square), format_, width, height, tuple(notes))


def _turn(image: Image.Image) -> int:
    """The EXIF orientation; 1, as it is, where there is none or none can be read: the pixels still can."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except (SyntaxError, ValueError, TypeError, KeyError, struct.error, UserWarning):
        return 1


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            Fault.TOO_SMALL, f"{width} x {height} pixels, and {MIN_SIDE} a side are the least: remove it"
        )
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise PictureError(
            Fault.TOO_LARGE,
            f"{width} x {height} pixels, and {MAX_SIDE:,} a side and {MAX_PIXELS:,} in all are the most: "
            "make it smaller",
        )


def _decode_jpeg(data: bytes, image: Image.Image, size: int, notes: list[Note]) -> UInt8 | None:
    """The pixels, scaled by a power of two; None where pillow, which is more patient, has to read them."""
    width, height = image.size
    least, factor = size * (HEADROOM_OF_SMALL if size <= SMALL else HEADROOM), 1
    while factor < 8 and min(width, height) >= 2 * factor * least:
        factor *= 2
    # 0: no scaling; libjpeg rounds the sides of a scaled picture up
    rows, columns = (-(-height // factor), -(-width // factor)) if factor > 1 else (0, 0)
    try:
        pixels_HWC: UInt8 = simplejpeg.decode_jpeg(data, "RGB", min_height=rows, min_width=columns)
    except ValueError as error:
        if "extraneous bytes" in str(error):  # before a marker: some of Oxford's have them, and are whole
            notes.append(Note.STRAY_BYTES)
            return None
        if "remature end" in str(error):
            words = "the JPEG ends early: get it again from where it came"
            raise PictureError(Fault.TRUNCATED, words) from None
        raise
    if image.mode == "L":
        notes.append(Note.GREY)
    return pixels_HWC


def _as_rgb(image: Image.Image, notes: list[Note]) -> Image.Image:
    """Any mode as RGB: deep pixels cut to 8 bits, inks to light, transparency laid on white."""
    if getattr(image, "n_frames", 1) > 1:
        notes.append(Note.FRAMES)
        image.seek(0)
    image.load()
    mode = image.mode
    if mode.startswith("I;16") or mode == "I":
        notes.append(Note.DEEP)
        deep = np.asarray(image).astype(np.int64)
        return Image.fromarray(np.clip(deep >> 8, 0, 255).astype(np.uint8)).convert("RGB")
    if mode == "F":
        raise PictureError(
            Fault.DAMAGED, "its pixels are floating point, of no known range: save it as 8 bits"
        )
    if mode == "CMYK":
        notes.append(Note.CMYK)
        # pillow takes every CMYK JPEG as inverted, as Adobe writes them and marks them
        if image.format == "JPEG" and "adobe" not in image.info:
            image = ImageChops.invert(image)
        return image.convert("RGB")
    if mode in ("P", "PA"):
        notes.append(Note.PALETTE)
    if mode in ("L", "LA", "1"):
        notes.append(Note.GREY)
    if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        notes.append(Note.ALPHA)
        clear = image.convert("RGBA")
        paper = Image.new("RGBA", clear.size, (*OPAQUE, 255))
        return Image.alpha_composite(paper, clear).convert("RGB")
    return image.convert("RGB")


def _square(image: Image.Image, size: int) -> Image.Image:
    """The middle square, antialiased: bicubic, its window as wide as the scale asks."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))


# turns of the square rather than of the picture: its middle is the same, and it is smaller
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
