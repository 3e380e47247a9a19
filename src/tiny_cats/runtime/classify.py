"""Classes of picture files, with a classifier: what `predict` does for each file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tiny_cats.data.decode import Note, PictureError, open_picture
from tiny_cats.errors import DataError
from tiny_cats.runtime.folder import Description
from tiny_cats.runtime.models import Bytes, Classifier, Floats

ENDINGS = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"}  # looked for in folders
WORTH_SAYING = {
    Note.OTHER_FORMAT: "its name says another format than it has",
    Note.FRAMES: "the first of its frames",
    Note.DEEP: "16-bit pixels, cut to 8",
}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a picture shows: every class with its probability, the likeliest first."""

    path: Path
    probabilities: tuple[tuple[str, float], ...]
    notices: tuple[str, ...] = ()

    def line(self, top: int) -> str:
        shares = (f"{name} {100 * share:.1f} %" for name, share in self.probabilities[:top])
        return f"{self.path}: {', '.join(shares)}"

    def as_json(self) -> dict[str, Any]:
        name, probability = self.probabilities[0]
        return {
            "image": str(self.path),
            "class": name,
            "probability": probability,
            "probabilities": dict(self.probabilities),
            "notices": list(self.notices),
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that cannot be used, and why."""

    path: Path
    fault: str
    detail: str

    def as_json(self) -> dict[str, str]:
        return {"image": str(self.path), "fault": self.fault, "detail": self.detail}


def find_pictures(given: Sequence[Path]) -> list[Path]:
    """Files as named, and all pictures below folders. Raises DataError: a folder without any."""
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = [file for file in path.rglob("*") if file.suffix.lower() in ENDINGS and file.is_file()]
            if not inside:
                raise DataError(f"{path}: no picture in this folder ({', '.join(sorted(ENDINGS))})")
            found.extend(sorted(inside))
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def predict(
    classifier: Classifier, paths: Sequence[Path], *, batch_size: int
) -> Iterator[Prediction | Failure]:
    """One result for each path, in their order; memory holds `batch_size` pictures."""
    temperature = np.float32(classifier.about.temperature)
    for some in _batched(paths, batch_size):
        opened = [_open(path, classifier.about) for path in some]
        pictures = [one[0] for one in opened if not isinstance(one, Failure)]
        if pictures:
            shares = iter(softmax(classifier.logits(np.stack(pictures)) / temperature))
        for path, one in zip(some, opened, strict=True):
            if isinstance(one, Failure):
                yield one
            else:
                yield _prediction(path, classifier.about.classes, next(shares), one[1])


def softmax(logits_BK: Floats) -> Floats:
    e_BK = np.exp(logits_BK - logits_BK.max(axis=1, keepdims=True))
    p_BK: Floats = e_BK / e_BK.sum(axis=1, keepdims=True)
    return p_BK


def _open(path: Path, about: Description) -> tuple[Bytes, tuple[str, ...]] | Failure:
    """As validation pictures are made: see data/decode.py and augment.centre_crop."""
    try:
        picture = open_picture(path, about.stored_size)
    except PictureError as error:
        return Failure(path, error.fault.value, error.detail)
    notices = tuple(WORTH_SAYING[note] for note in picture.notes if note in WORTH_SAYING)
    edge = (about.stored_size - about.size) // 2
    middle = slice(edge, edge + about.size)
    return picture.pixels_HWC[middle, middle].transpose(2, 0, 1), notices


def _prediction(path: Path, classes: Sequence[str], share_K: Floats, notices: tuple[str, ...]) -> Prediction:
    order = np.argsort(-share_K, kind="stable")
    return Prediction(path, tuple((classes[k], float(share_K[k])) for k in order), notices)


def _batched(paths: Sequence[Path], size: int) -> Iterator[Sequence[Path]]:
    for start in range(0, len(paths), size):
        yield paths[start : start + size]
