"""Where a model to use comes from: a folder that `export` wrote, on ONNX Runtime; a run, on PyTorch.

Both give the same functions of arrays, so what is said or drawn does not depend on it.
"""

from pathlib import Path

from tiny_cats.errors import ExportError
from tiny_cats.runtime.folder import Kind, is_exported, read_description
from tiny_cats.runtime.models import Classifier, Sampler, open_classifier, open_sampler

EXPORTED = Path("exported")
"""Where `export` puts models, and where they are looked for, if no folder is named."""


def classifier_from(path: Path | None) -> Classifier:
    """The classifier at `path`, or the one in EXPORTED. Raises ExportError, CheckpointError."""
    path = _there(path) if path else _exported("classifier")
    if path.is_dir() and is_exported(path):
        return open_classifier(path)
    from tiny_cats.export.source import read_source
    from tiny_cats.export.torch_models import torch_classifier

    return torch_classifier(read_source(path, "classifier"))


def sampler_from(path: Path | None) -> Sampler:
    """The sampler at `path`, or the one in EXPORTED. Raises ExportError, CheckpointError."""
    path = _there(path) if path else _exported("tinydit")
    if path.is_dir() and is_exported(path):
        return open_sampler(path)
    from tiny_cats.export.source import read_source
    from tiny_cats.export.torch_models import torch_sampler

    return torch_sampler(read_source(path, "tinydit"))


def _there(path: Path) -> Path:
    """Looked at before PyTorch is imported, which takes seconds."""
    if not path.exists():
        raise ExportError(f"{path}: no such file or folder: --model is what `export` wrote, or a run")
    return path


def _exported(kind: Kind) -> Path:
    """The one exported model of a kind."""
    folders = sorted(path for path in EXPORTED.glob("*") if is_exported(path))
    found = [path for path in folders if read_description(path).kind == kind]
    if not found:
        raise ExportError(
            f"no {kind} in {EXPORTED}/: name one by --model, or export one: python -m tiny_cats export RUN"
        )
    if len(found) > 1:
        raise ExportError(f"{len(found)} models in {EXPORTED}/: name one by --model {found[0]}")
    return found[0]
