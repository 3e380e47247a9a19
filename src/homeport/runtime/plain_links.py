"""Links of this machine that lead containers of plain processes into their own folders.

/data -> /proc/self/fd/500/data is the same link for every container: whoever follows it gets to the folder
that it has open as descriptor 500. So one link serves any number of containers, also with different Volumes
at one path, and means nothing to other processes. Nothing that exists is touched; what was made is written
down first, and goes when no container needs it any more.
"""

import filecmp
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from homeport.model.errors import ContainerStartError
from homeport.model.home import Home
from homeport.runtime.inside.plain import ROOT
from homeport.runtime.plain_view import Need

_NEEDED: Final = "links"  # in a task's folder: what it needs, one path a line
_MADE: Final = "links.json"  # in the home: what was made, the outermost first


def target(path: str) -> str:
    return f"/proc/self/fd/{ROOT}{path}"


class MachineLinks:
    """Those of one home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._record = home.root / _MADE

    def take(self, task_id: str, needs: Iterable[Need]) -> None:
        """Sees to it that the links are there while the task needs them. Raises ContainerStartError."""
        wanted = list(needs)
        noted = self._home.tasks / task_id / _NEEDED
        noted.write_text("".join(f"{need.path}\n" for need in wanted), encoding="utf-8")
        try:
            for need in wanted:
                self._take(need)
        except BaseException:
            self.release(task_id)
            raise

    def _take(self, need: Need) -> None:
        path = Path(need.path)
        if _is_ours(path):
            return
        if need.is_own and not need.is_volume:  # the container finds it where it starts
            with suppress(OSError):
                if not os.path.lexists(path) and os.access(path.parent, os.W_OK | os.X_OK):
                    self._make(path)
            return
        try:
            if os.path.lexists(path):
                raise FileExistsError
            for parent in reversed(path.parents):
                if not parent.exists():
                    self._note(parent)
                    parent.mkdir(mode=0o755)
            self._make(path)
        except OSError as error:
            raise ContainerStartError(_refusal(need, error)) from None

    def _make(self, path: Path) -> None:
        self._note(path)
        path.symlink_to(target(str(path)))

    def release(self, *task_ids: str) -> None:
        """The tasks need none any more: removes what no other does."""
        for task_id in task_ids:
            (self._home.tasks / task_id / _NEEDED).unlink(missing_ok=True)
        made = self._made()
        if not made:
            return
        needed = [
            path for file in self._home.tasks.glob(f"*/{_NEEDED}") for path in file.read_text().splitlines()
        ]
        elsewhere = list(self._other_roots())
        kept = []
        for path in reversed(made):  # a folder after what is in it
            is_needed = any(each == path or each.startswith(f"{path}/") for each in needed)
            if is_needed or any(os.path.lexists(root + path) for root in elsewhere):
                kept.append(path)
            else:
                with suppress(OSError):
                    _remove(Path(path))
        if len(kept) < len(made):
            self._write(kept[::-1])

    def _other_roots(self) -> Iterator[str]:
        """Folders of containers that other homes have running, as far as this user sees them."""
        own = f"{self._home.tasks}/"
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                with suppress(OSError):
                    found = str((process / f"fd/{ROOT}").readlink())
                    if found.endswith("/root") and not found.startswith(own):
                        yield found

    def _made(self) -> list[str]:
        try:
            return list(json.loads(self._record.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return []

    def _note(self, path: Path) -> None:
        made = self._made()
        if str(path) not in made:
            self._write([*made, str(path)])

    def _write(self, made: list[str]) -> None:
        draft = self._record.with_suffix(".new")
        draft.write_text(json.dumps(made), encoding="utf-8")
        draft.replace(self._record)


def covered(needs: Iterable[Need], trees: Iterable[Path], root: Path) -> Iterator[str]:
    """Sentences for files below /root, not code, of which this machine has others at the same paths: who
    names them by these paths reads the machine's."""
    for need in needs:
        path = Path(need.path)
        if not need.is_own or need.is_volume or path.suffix == ".py" or _is_ours(path):
            continue
        source = next((tree for tree in trees if os.path.lexists(f"{tree}{path}")), None)
        if source is not None and os.path.lexists(path) and _differ(Path(f"{source}{path}"), path):
            yield (
                f"homeport: {path} of this machine is not the container's, which is {root}{path}: use a "
                "relative path or ~ for it.\n"
            )


def _differ(ours: Path, theirs: Path) -> bool:
    """Whether a file of ours is missing there, or has another content."""
    try:
        if ours.is_dir():
            return any(_differ(below, theirs / below.name) for below in ours.iterdir())
        return not filecmp.cmp(ours, theirs)
    except OSError:
        return True


def _is_ours(path: Path) -> bool:
    with suppress(OSError):  # no link, or in a folder that this user may not enter
        return str(path.readlink()) == target(str(path))
    return False


def _remove(path: Path) -> None:
    if _is_ours(path):
        path.unlink()
    elif path.is_dir() and not path.is_symlink():
        path.rmdir()  # where it is empty


def _refusal(need: Need, error: OSError) -> str:
    """One sentence: what cannot be, why, and what helps."""
    isolated = "give containers files of their own (homeport down && homeport up --engine auto)"
    if isinstance(error, FileExistsError):
        return (
            f"{need.what} cannot be shown to a plain process: this machine has something at {need.path} "
            f"already, which stays untouched; choose another path, such as /mnt/NAME, or {isolated}"
        )
    once = "" if need.is_own else f"once, as root: ln -s {target(need.path)} {need.path}; or "
    return (
        f"{need.what} cannot be shown to a plain process: this user may not make {need.path} "
        f"({error.strerror}); {once}choose a path below /tmp, or {isolated}"
    )
