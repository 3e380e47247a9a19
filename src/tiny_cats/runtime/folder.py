"""The folder that `export` writes, as it is read again: a description, and files with digests."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tiny_cats.errors import ExportError

FORMAT = 1
DESCRIPTION = "model.json"
GRAPH = "model.onnx"
WEIGHTS = "model.safetensors"
CARD = "README.md"

Kind = Literal["classifier", "tinydit"]


@dataclass(frozen=True, slots=True)
class Description:
    """What a model takes and gives, and where it comes from; `model.json` holds exactly this."""

    kind: Kind
    preset: str
    size: int  # of its pictures, in pixels a side
    stored_size: int  # that the middle square of a file is scaled to; the model sees the middle `size` of it
    classes: tuple[str, ...]  # in the order of its outputs; TinyDiT's null class is the one after the last
    step: int  # of training
    temperature: float = 1.0  # logits are divided by it before they become probabilities: calibration
    config: dict[str, Any] = field(default_factory=dict)  # of training
    source: str = ""  # digest of the checkpoint
    opset: int = 0  # of the graph; 0 where there is none
    parity: dict[str, Any] = field(default_factory=dict)  # PyTorch against ONNX Runtime
    figures: dict[str, Any] = field(default_factory=dict)  # what the run's results say
    ended: str = ""  # how the run ended
    versions: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # name -> SHA-256
    format: int = FORMAT

    @property
    def null_class(self) -> int:
        return len(self.classes)

    def text(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def is_exported(path: Path) -> bool:
    return (path / DESCRIPTION).is_file()


def read_description(folder: Path) -> Description:
    """Raises ExportError: no such folder, nothing exported in it, a damaged or unknown description."""
    path = folder / DESCRIPTION
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}; `export` writes such a folder") from None
    except ValueError:
        raise ExportError(f"{path}: damaged: export the model again") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ExportError(f"{path}: not a model of this version (format {FORMAT}): export it again")
    try:
        return Description(**content | {"classes": tuple(content["classes"])})
    except (TypeError, KeyError):
        raise ExportError(f"{path}: damaged: export the model again") from None


def checked(folder: Path, description: Description, name: str) -> Path:
    """The path of a file in `folder`, once its content is what was exported. Raises ExportError."""
    path = folder / name
    if name not in description.files:
        raise ExportError(f"{folder}: exported without {name}: export it again with --format both")
    try:
        found = digest(path)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}: export the model again") from None
    if found != description.files[name]:
        raise ExportError(f"{path}: damaged: it is not what was exported; export the model again")
    return path


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
