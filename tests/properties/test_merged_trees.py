"""Copies of stacks, and layers found by comparison: the same as overlays would show and leave."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.runtime.inside import changes
from homeport.runtime.inside.merge import OPAQUE, Merge
from homeport.store.overlay import Overlay

NAMES = st.sampled_from(("a", "b", "c"))
# a tree: name to a file's text, a link (a tuple), a whiteout (None), or a folder, which is opaque as "c"
TREES = st.recursive(
    st.dictionaries(NAMES, st.one_of(st.text("xy", max_size=3), st.none(), st.tuples(NAMES)), max_size=3),
    lambda inner: st.dictionaries(NAMES, st.one_of(inner, st.text("xy", max_size=3), st.none()), max_size=3),
    max_leaves=8,
)


def write(tree: dict[str, Any], folder: Path, *, opaque: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    if opaque:
        os.setxattr(folder, OPAQUE, b"y")
    for name, what in tree.items():
        if isinstance(what, dict):
            write(what, folder / name, opaque=name == "c")
        elif isinstance(what, str):
            (folder / name).write_text(what)
        elif isinstance(what, tuple):
            (folder / name).symlink_to(what[0])
        else:
            os.mknod(folder / name, stat.S_IFCHR, 0)


def plain(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = path.read_text() if path.is_file() else None
    return found


def seen(layers: list[Path]) -> dict[str, object]:
    view = Overlay(layers)
    found: dict[str, object] = {}
    for entry in view.walk(view.root):
        real = Path(view.real_path(entry))
        found[entry.path] = (
            str(real.readlink()) if entry.is_link else real.read_text() if entry.is_file else None
        )
    return found


@given(st.lists(TREES, min_size=1, max_size=3))
@settings(max_examples=60)
def test_a_merged_copy_is_what_an_overlay_shows(trees: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        layers = []
        for number, tree in enumerate(trees):
            layers.append(Path(folder, str(number)))
            write(tree, layers[-1])
        copy = Path(folder, "copy")
        copy.mkdir()
        Merge().run([str(layer) for layer in layers], str(copy))
        assert plain(copy) == dict(sorted(seen(layers).items()))


@given(TREES, TREES)
@settings(max_examples=60)
def test_what_changed_is_a_layer_that_makes_the_same_tree(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lower, upper, work = (Path(folder, name) for name in ("lower", "upper", "work"))
        write(_without_marks(before), lower)
        upper.mkdir()
        work.mkdir()
        Merge().run([str(lower)], str(work))
        known = changes.scan(str(work))
        _become(_without_marks(after), work)
        wanted = plain(work)
        changes.extract(str(work), known, str(upper))
        assert dict(sorted(seen([upper, lower]).items())) == wanted


def _without_marks(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_marks(what) if isinstance(what, dict) else what
        for name, what in tree.items()
        if what is not None
    }


def _become(tree: dict[str, Any], folder: Path) -> None:
    """Changes a folder as a program would: what is the same stays, the rest is replaced."""
    for path in list(folder.iterdir()):
        wanted = tree.get(path.name)
        if path.is_dir() and not path.is_symlink():
            _become(wanted if isinstance(wanted, dict) else {}, path)
            if not isinstance(wanted, dict):
                path.rmdir()
        elif path.is_symlink() or path.read_text() != wanted:
            path.unlink()
    for name, what in tree.items():
        path = folder / name
        if os.path.lexists(path):
            continue
        if isinstance(what, dict):
            write(what, path)
        elif isinstance(what, tuple):
            path.symlink_to(what[0])
        else:
            path.write_text(what)
