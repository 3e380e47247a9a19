"""Pictures in memory, as files of every kind."""

import io

import numpy as np
from PIL import Image


def photograph(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """Smooth, colourful, and different on all sides."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def saved(image: Image.Image, format_: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def jpeg(seed: int = 0, width: int = 64, height: int = 48) -> bytes:
    return saved(photograph(width, height, seed), "JPEG", quality=90)


KINDS = {
    "jpeg": lambda: jpeg(),
    "progressive jpeg": lambda: saved(photograph(), "JPEG", progressive=True),
    "grey jpeg": lambda: saved(photograph().convert("L"), "JPEG"),
    "cmyk jpeg": lambda: saved(photograph().convert("CMYK"), "JPEG", quality=95),
    "png": lambda: saved(photograph(), "PNG"),
    "palette png": lambda: saved(photograph().convert("P"), "PNG"),
    "alpha png": lambda: saved(photograph().convert("RGBA"), "PNG"),
    "gif": lambda: saved(photograph().convert("P"), "GIF"),
    "webp": lambda: saved(photograph(), "WEBP"),
    "bmp": lambda: saved(photograph(), "BMP"),
    "tiff": lambda: saved(photograph(), "TIFF"),
    "lzw tiff": lambda: saved(photograph(), "TIFF", compression="tiff_lzw"),
}
