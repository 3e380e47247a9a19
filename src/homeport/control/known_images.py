"""Images as the database tells of them, with the sizes of their layers on disk."""

import json
import time
from dataclasses import dataclass
from typing import Any

from homeport.model.errors import NotFoundError
from homeport.model.home import Home
from homeport.runtime.layers import LayerStore, tree_bytes
from homeport.store import reader

STATES = ("building", "built", "failed", "interrupted")


@dataclass(frozen=True)
class Layer:
    """One of an image's layers; `made_by` is its instruction or what it holds."""

    name: str
    made_by: str
    size_bytes: int


@dataclass(frozen=True)
class KnownImage:
    """`apps` name what asked for it or ran it; `used_at` is in seconds since the epoch, None for now."""

    image_id: str
    state: str
    apps: list[str]
    runs: int
    used_at: float | None
    size_bytes: int
    notes: list[str]
    made_by: str
    error: str
    python: str
    workdir: str
    env: list[list[str]]
    entrypoint: list[str]
    cmd: list[str]
    host_usr: bool
    layers: list[Layer]


def images(home: Home) -> list[KnownImage]:
    """All images of the home, the most recently used first."""
    store = LayerStore(home)
    steps = {row["layer"]: row["instruction"] for row in reader.image_steps(home.database)}
    known: dict[str, Layer] = {}

    def layer(name: str) -> Layer:
        if name not in known:
            facts = store.facts(store.folder(name))
            size = facts.get("size_bytes")
            if size is None:  # of an earlier version
                size = tree_bytes(store.folder(name)) if store.folder(name).is_dir() else 0
            known[name] = Layer(name, steps.get(name) or _held(facts), int(size))
        return known[name]

    apps: dict[str, list[str]] = {}
    for row in reader.image_apps(home.database):
        apps.setdefault(row["image_id"], []).append(row["app"])
    found = [
        _image(row, apps.get(row["image_id"], []), [layer(name) for name in json.loads(row["layers"])])
        for row in reader.images(home.database)
    ]
    return sorted(found, key=lambda image: image.used_at or time.time(), reverse=True)


def image(home: Home, image_id: str) -> KnownImage:
    """One of them, by its id or an unmistakable beginning of it. Raises NotFoundError."""
    found = [entry for entry in images(home) if entry.image_id.startswith(image_id)]
    exact = [entry for entry in found if entry.image_id == image_id]
    if len(exact or found) != 1:
        what = "There is no image" if not found else f"{len(found)} images begin with"
        raise NotFoundError(f"{what} {image_id}. `homeport image list --all` shows those that are there.")
    return (exact or found)[0]


def _image(row: Any, apps: list[str], layers: list[Layer]) -> KnownImage:
    own = next((layer.made_by for layer in layers if layer.made_by), "")
    is_running = row["last_use"] >= 1e12
    return KnownImage(
        image_id=row["image_id"],
        state=STATES[row["state"]],
        apps=apps,
        runs=row["runs"],
        used_at=None if is_running else row["last_use"],
        size_bytes=sum(layer.size_bytes for layer in layers),
        notes=json.loads(row["notes"]),
        made_by=own,
        error=row["error"],
        python=row["python"],
        workdir=row["workdir"] or "",
        env=json.loads(row["env"]),
        entrypoint=json.loads(row["entrypoint"]),
        cmd=json.loads(row["cmd"]),
        host_usr=bool(row["host_usr"]),
        layers=layers,
    )


def _held(facts: dict[str, Any]) -> str:
    if facts.get("kind") == "python":
        return f"Python {facts['version']} ({facts['origin']})"
    return f"the base tree for {facts['userland']}" if "userland" in facts else str(facts.get("kind", ""))
