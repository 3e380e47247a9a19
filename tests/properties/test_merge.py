"""Joining deltas changes nothing that is seen: any stack, any part of it from the top."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.store.deltas import Delta
from homeport.store.merge import merge
from homeport.store.overlay import Overlay

NAMES = ["a", "b", "a/a", "a/b", "b/a", "a/a/a", "a/a/b"]
changes = st.lists(
    st.tuples(st.sampled_from(["write", "delete", "folder", "opaque"]), st.sampled_from(NAMES)), max_size=6
)


def seen(overlay: Overlay) -> dict[str, str | None]:
    return {
        entry.path: None if entry.is_folder else Path(overlay.real_path(entry)).read_text()
        for entry in overlay.walk(overlay.root)
    }


def build(folder: Path, below: Overlay, changes: list[tuple[str, str]], text: str) -> None:
    """A delta as commits make them: each path once, never a file above another entry of the same delta."""
    delta = Delta(folder, below, None)
    done: dict[str, str] = {}
    for kind, path in changes:
        above = ["/".join(path.split("/")[:end]) for end in range(1, path.count("/") + 1)]
        if path in done or any(done.get(a, "folder") in ("write", "delete") for a in above):
            continue
        if any(other.startswith(path + "/") for other in done):
            continue
        parts = tuple(path.split("/"))
        done[path] = kind
        if kind == "write":
            staged = folder.with_name("staged")
            staged.write_text(text)
            delta.take_file(staged, parts, 0o644)
        elif kind == "delete":
            delta.delete(parts)
        else:
            delta.add_folder(parts)
            if kind == "opaque":
                delta.make_opaque(parts)


@settings(max_examples=300)
@given(st.lists(changes, min_size=2, max_size=6), st.integers(1, 6))
def test_a_merge_of_the_upper_deltas_shows_the_same(layers: list[list[tuple[str, str]]], joined: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "e").mkdir()
        stack = [root / "e"]
        for number, layer in enumerate(layers):
            build(root / str(number), Overlay(stack), layer, str(number))
            stack.insert(0, root / str(number))
        upper, rest = stack[:joined], stack[joined:]
        delta = Delta(root / "merged", Overlay(rest or [root / "e"]), None)
        merge([str(folder) for folder in upper], delta, is_whole=not rest)
        assert seen(Overlay([root / "merged", *rest])) == seen(Overlay(stack))
