"""What the user chose for an engine of this home, from one start to the next: `settings.json`."""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from homeport.model.home import Home

_LEAST_CACHE_BYTES = 10 * 1000**3
_PART_OF_DISK = 5


@dataclass(frozen=True)
class Settings:
    """None: what fits this machine."""

    image_cache_bytes: int | None = None
    base: str | None = None  # what lies below images: auto, host or debian
    torch: str | None = None  # "cpu" or "exact"
    torch_index_answered: bool = False  # not chosen, but found out once


def read_settings(home: Home) -> Settings:
    """What was chosen the last time; a damaged file counts as none."""
    try:
        values: dict[str, Any] = json.loads(_file(home).read_text(encoding="utf-8"))
        return Settings(**{name: values[name] for name in Settings.__dataclass_fields__ if name in values})
    except (OSError, ValueError, TypeError):
        return Settings()


def choose_settings(home: Home, **chosen: Any) -> Settings:
    """Writes down what is chosen now; None leaves the choice of the last time."""
    settings = replace(
        read_settings(home), **{name: value for name, value in chosen.items() if value is not None}
    )
    draft = _file(home).with_suffix(".new")
    draft.write_text(json.dumps(asdict(settings)), encoding="utf-8")
    draft.replace(_file(home))
    return settings


def image_cache_limit(home: Home, settings: Settings) -> int:
    """Bytes that layers of images may take: as chosen, or a fifth of the disk and 10 GB at least."""
    if settings.image_cache_bytes is not None:
        return settings.image_cache_bytes
    return max(_LEAST_CACHE_BYTES, shutil.disk_usage(home.root).total // _PART_OF_DISK)


def _file(home: Home) -> Path:
    return home.root / "settings.json"
