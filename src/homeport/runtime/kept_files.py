"""From what a container wrote to a layer: one tree, without what this machine put there."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from homeport.runtime.identity import own

_ETC_NAMES = ("resolv.conf", "hosts", "hostname")


def keep_files(
    task_folder: Path, tree: Path, mount_points: Sequence[str], trees_above: Sequence[Path]
) -> None:
    """Moves what a container wrote, which has ended, to `tree`: an empty folder, same file system.

    `mount_points` are the places of volumes; `trees_above` the mounts' trees, which the container saw above
    its image: bytecode of their files is left out.
    """
    tree.rmdir()
    (task_folder / "upper").rename(tree)
    usr = task_folder / "usr-upper"
    if any(usr.iterdir()):
        (tree / "usr").mkdir(exist_ok=True)
        (tree / "usr").rmdir()  # the mount point; nothing can have been written below it
        usr.rename(tree / "usr")
    _forget_bytecode(tree, trees_above)
    forget_machine(tree, [*mount_points, "/__modal/run", "/proc", "/sys", "/dev"])
    own(tree)


def forget_machine(tree: Path, mount_points: Iterable[str]) -> None:
    """Removes from a layer what a container was given: name resolution, places to mount onto."""
    for name in _ETC_NAMES:
        file = tree / "etc" / name
        if file.is_file() or file.is_symlink():
            file.unlink()
            _remove_empty(file.parent, tree)
    for point in mount_points:
        place = tree / point.lstrip("/")
        if place.is_file() and not place.is_symlink() and place.stat().st_size == 0:
            place.unlink()
            place = place.parent
        _remove_empty(place, tree)


def _forget_bytecode(tree: Path, trees_above: Sequence[Path]) -> None:
    for folder, names, files in os.walk(tree):
        if Path(folder).name != "__pycache__":
            continue
        names.clear()
        source = Path(folder).parent.relative_to(tree)
        for name in files:
            module = f"{name.split('.', 1)[0]}.py"
            if any((above / source / module).exists() for above in trees_above):
                (Path(folder) / name).unlink()
        _remove_empty(Path(folder), tree)


def _remove_empty(folder: Path, tree: Path) -> None:
    """Removes a folder and those above it, as far as they hold nothing; lower layers keep theirs."""
    while folder != tree and folder.is_relative_to(tree):
        if folder.is_dir() and not folder.is_symlink():
            try:
                folder.rmdir()
            except OSError:
                return
        folder = folder.parent
