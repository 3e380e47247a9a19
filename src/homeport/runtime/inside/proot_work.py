"""Work on files where there are no namespaces: in the copy of the layers itself, without proot.

files.py follows no link out of a tree, so it needs no container to be kept in one. Places that a container
would see are translated here.
"""

from __future__ import annotations

import os
from typing import Any

from . import files, merge, prooted


def show_views(spec: dict[str, Any], root: str) -> None:
    """Copies other images that the command or the work is to see, and binds the copies."""
    for number, view in enumerate(spec.get("views", ())):
        folder = "{}.view-{}".format(root, number)
        os.mkdir(folder)
        merge.Merge(bound=None, keeps_marks=("usr",) if view["host_usr"] else ()).run(
            view["layers"], folder, frozenset()
        )
        spec["binds"].append([folder, view["target"], True])
        view["folder"] = folder


def become(spec: dict[str, Any]) -> None:
    """In a fork: does the specification's work, with no more rights than a command would have."""
    status = 1
    try:
        prooted.confine(spec)
        status = files.perform(translated(spec, spec["proot"]["root"]))
    finally:
        os._exit(status)


def translated(spec: dict[str, Any], root: str) -> dict[str, Any]:
    """The work with places of this machine, of which `root` is the copy."""
    places = {target: source for source, target, _ in spec["binds"]}
    work = dict(spec["work"])
    work["root"] = root if work["root"] == "/" else places[work["root"]]
    under = {view["target"]: "/usr" for view in spec.get("views", ()) if view["host_usr"]}
    if "sources" in work:
        work["sources"] = [
            dict(source, place=places[source["place"]], usr=under.get(source["place"]))
            for source in work["sources"]
        ]
    if "layers" in work:
        work["layers"] = [_below(places, layer) for layer in work["layers"]]
    return work


def _below(places: dict[str, str], path: str) -> str:
    target = next(each for each in places if path.startswith(each + "/"))
    return places[target] + path[len(target) :]
