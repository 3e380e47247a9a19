"""Lets an ordinary user run a checkout that lies where only root may go, such as a clone below /root.

A process holds a mount namespace in which the first closed folder on the way is an empty, open one with the
checkout (and the Python it was made from) bound in at its own path. Commands of the account start in it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

_MAKE = r"""
set -e
staging="$1"; closed="$2"; shift 2
number=0
for path in "$@"; do
    number=$((number + 1)); mkdir "$staging/$number"; mount --bind "$path" "$staging/$number"
done
mount -t tmpfs -o mode=755 tmpfs "$closed"
number=0
for path in "$@"; do
    number=$((number + 1)); mkdir -p "$path"; mount --bind "$staging/$number" "$path"
done
echo ready
cat
"""


class Reach:
    """The namespace; `prefix` goes before a command that is to run in it as `uid` in `cwd`."""

    def __init__(self, repository: Path) -> None:
        paths = {str(repository), sys.base_prefix}
        closed = {closed for path in paths if (closed := closed_ancestor(Path(path)))}
        if len(closed) != 1:
            raise LookupError(f"more than one folder is closed to other users: {sorted(map(str, closed))}")
        (folder,) = closed
        below = sorted(path for path in paths if Path(path).is_relative_to(folder))
        self._staging = tempfile.TemporaryDirectory(prefix="hpt-reach-", dir="/tmp")
        self._holder = subprocess.Popen(
            [
                *("unshare", "--mount", "--propagation", "private"),
                *("sh", "-c", _MAKE, "sh", self._staging.name, str(folder), *below),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            self.close()
            raise LookupError(f"{folder} is closed to other users, and cannot be opened for the tests")

    def prefix(self, uid: int, cwd: Path) -> list[str]:
        return [
            *("nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt"),
            *("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"),
            *("sh", "-c", 'cd "$0" && exec "$@"', str(cwd)),
        ]

    def close(self) -> None:
        self._holder.communicate()
        self._staging.cleanup()


def closed_ancestor(path: Path) -> Path | None:
    """The first folder on the way to `path` that other users may not enter."""
    for folder in [*reversed(path.parents), path]:
        if folder.is_dir() and not folder.stat().st_mode & 0o001:
            return folder
    return None
