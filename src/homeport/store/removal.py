"""Removing folder trees for good, also those that nobody may enter, such as overlayfs's work folders."""

import contextlib
import os
import shutil
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Removes a folder and all in it, or a file; no error where there is nothing. Links are not followed."""
    if not folder.is_dir() or folder.is_symlink():
        folder.unlink(missing_ok=True)
        return

    def enter(function: object, path: str, _: object) -> None:
        """Tries again with permission: to list a folder, or to remove something from the one it is in."""
        failed = Path(path)
        with contextlib.suppress(OSError):
            for blocked in (failed.parent, failed):
                if blocked.is_relative_to(folder) and blocked.is_dir() and not blocked.is_symlink():
                    blocked.chmod(0o700)
            if failed.is_dir() and not failed.is_symlink():
                if function is not os.rmdir:
                    shutil.rmtree(failed, ignore_errors=True)
            else:
                failed.unlink()

    shutil.rmtree(folder, onerror=enter)
    if folder.exists():  # rmtree goes no further into what it could not open at first
        shutil.rmtree(folder, ignore_errors=True)
