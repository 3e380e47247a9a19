"""An image as registries describe it: manifests, lists of them by platform, configuration.

Only reading; fetching is registry.py's.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homeport.model.errors import FailedPreconditionError, NotServedError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Layer:
    digest: str
    size_bytes: int
    media_type: str

    @property
    def file(self) -> str:
        return self.digest.removeprefix("sha256:")

    @property
    def is_zstd(self) -> bool:
        return self.media_type.endswith("zstd")


@dataclass(frozen=True)
class Manifest:
    """One image: lowest layer first."""

    config_digest: str
    layers: tuple[Layer, ...]

    @property
    def size_bytes(self) -> int:
        return sum(layer.size_bytes for layer in self.layers)


def read_manifest(raw: bytes) -> dict[str, Any]:
    """Raises ValueError for what is no manifest."""
    found = json.loads(raw)
    if not isinstance(found, dict) or not ({"manifests", "layers", "fsLayers"} & found.keys()):
        raise ValueError("it is no manifest")
    return found


def pick_platform(manifests: Mapping[str, Any], architecture: str) -> str:
    """The digest of a list's image for this machine. Raises FailedPreconditionError with what there is."""
    platforms: dict[str, str] = {}
    for entry in manifests["manifests"]:
        platform = entry.get("platform") or {}
        if platform.get("os", "linux") != "linux" or platform.get("architecture") in (None, "unknown"):
            continue
        variant = platform.get("variant", "")
        name = platform["architecture"] + (
            f"/{variant}" if variant and (name_of(platform) != "arm64/v8") else ""
        )
        platforms.setdefault(name, entry["digest"])
    digest = platforms.get(architecture)
    if digest is None:
        there = ", ".join(sorted(platforms)) or "none"
        raise FailedPreconditionError(
            f"has no build for this machine (linux/{architecture}), only for: {there}"
        )
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest!r} is no digest")
    return digest


def name_of(platform: Mapping[str, Any]) -> str:
    return f"{platform.get('architecture')}/{platform.get('variant', '')}"


def parse_manifest(found: Mapping[str, Any]) -> Manifest:
    """Raises NotServedError for an old kind, ValueError for a broken one."""
    if "fsLayers" in found:
        raise NotServedError("is stored in the format of Docker before 2016, which Homeport does not read")
    layers = tuple(
        Layer(layer["digest"], int(layer["size"]), layer.get("mediaType", "")) for layer in found["layers"]
    )
    digests = [found["config"]["digest"], *(layer.digest for layer in layers)]
    for digest in digests:
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is no digest")
    return Manifest(found["config"]["digest"], layers)


def read_layout(folder: Path) -> tuple[Manifest, dict[str, Any]]:
    """The one image of an OCI layout, and its configuration."""
    index = json.loads((folder / "index.json").read_bytes())
    manifest = parse_manifest(json.loads(_blob(folder, index["manifests"][0]["digest"]).read_bytes()))
    return manifest, json.loads(_blob(folder, manifest.config_digest).read_bytes())


def _blob(folder: Path, digest: str) -> Path:
    return folder / "blobs/sha256" / digest.removeprefix("sha256:")
