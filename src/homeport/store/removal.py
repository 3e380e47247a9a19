"""Removing folder trees for good, also those that nobody may enter, such as overlayfs's work folders."""

import contextlib
import shutil
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Removes a folder and all in it, also folders that nobody may enter, such as overlayfs's work folder."""

    def enter(function: object, path: str, _: object) -> None:
        with contextlib.suppress(OSError):
            for blocked in (Path(path).parent, Path(path)):
                if blocked.is_dir() and not blocked.is_symlink():
                    blocked.chmod(0o700)
            if Path(path).is_dir() and not Path(path).is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                Path(path).unlink()

    if folder.is_symlink() or folder.is_file():
        folder.unlink()
        return
    shutil.rmtree(folder, onerror=enter)
