"""Notes what an app reads of the disk while it is loaded, so that the next check knows whether it would be
the same again. The parent's side is kept.py.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import Any, Callable, Dict, List, Tuple

from homeport.check.inside.frames import Origins

MAX_PATHS = 5000

# How much of a path mattered; of two, the one that says more counts.
LOOKED_AT, SEARCHED, LISTED, READ = "looked at", "searched", "listed", "read"
_ORDER = (LOOKED_AT, SEARCHED, LISTED, READ)
_NOT_FILES = ("/proc/", "/sys/", "/dev/")
_LIBRARIES = ("/site-packages", "/dist-packages")
_WRITES = os.O_WRONLY
_SEARCHES = ("importlib/_bootstrap_external.py", "importlib/metadata/__init__.py")


class FileReads:
    """`why_not` says why what came of loading may be another thing next time, though no file is."""

    def __init__(self, origins: Origins) -> None:
        self.why_not = ""
        self._noted: Dict[str, str] = {}
        self._origins = origins
        self._stdlib = os.path.join(sysconfig.get_paths()["stdlib"], "")
        self._handlers: Dict[str, Callable[[Any], None]] = {
            "open": self._opened,
            "os.listdir": self._listed,
            "os.scandir": self._listed,
            "sqlite3.connect": lambda args: self.note(args[0], READ),
            "subprocess.Popen": lambda args: self._started(),
            "os.system": lambda args: self._started(),
            "os.posix_spawn": lambda args: self._started(),
            "os.fork": lambda args: self._started(),
            "os.forkpty": lambda args: self._started(),
        }

    def watch(self) -> None:
        """Begins to note. Calls that only look at a path are those that Python does not tell of by itself."""
        for name in ("stat", "lstat", "access"):
            function = getattr(os, name)
            looking = self._looking(function)
            for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
                if function in able:
                    able.add(looking)
            setattr(os, name, looking)
        handlers = self._handlers

        def hook(event: str, args: Tuple[Any, ...]) -> None:
            handler = handlers.get(event)
            if handler is not None:
                handler(args)

        sys.addaudithook(hook)

    def paths(self) -> List[Tuple[str, str]]:
        """What was read, with the packages' folders and the modules that were imported."""
        for entry in list(sys.path):
            self.note(entry or os.getcwd(), SEARCHED)
            if any(mark in entry for mark in _LIBRARIES):
                self._noted[os.path.abspath(entry)] = LISTED
                self._note_links(entry)
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str):
                self.note(file, READ)
        if len(self._noted) > MAX_PATHS:
            self.why_not = "reads very many files"
        return sorted(self._noted.items())

    def note(self, path: Any, how: str) -> None:
        """Takes a path that is not a library's; anything that is none is passed over."""
        if isinstance(path, int) or len(self._noted) > MAX_PATHS:
            return
        try:
            text = os.path.abspath(os.fsdecode(path))
        except (TypeError, ValueError, OSError):
            return
        if text.startswith(_NOT_FILES) or text.endswith(".pyc") or any(mark in text for mark in _LIBRARIES):
            return
        if self._origins.of(text) != "user":
            return
        if _ORDER.index(how) >= _ORDER.index(self._noted.get(text, LOOKED_AT)):
            self._noted[text] = how

    def _note_links(self, folder: str) -> None:
        """Packages that lie elsewhere are named in files beside those that are installed."""
        try:
            names = [name for name in os.listdir(folder) if name.endswith(".pth")]
        except OSError:
            return
        for name in names:
            self._noted[os.path.join(os.path.abspath(folder), name)] = READ

    def _opened(self, args: Any) -> None:
        path, mode, flags = args
        is_written = set(mode) & set("wax") if isinstance(mode, str) else flags & _WRITES
        if not is_written:
            self.note(path, READ)

    def _listed(self, args: Any) -> None:
        """Python's own search for modules and packages lists folders, too: there only these matter."""
        frame = sys._getframe(2)  # behind this and the hook
        file = frame.f_code.co_filename
        is_search = file.startswith("<frozen importlib") or file.endswith(_SEARCHES)
        self.note(os.getcwd() if args[0] is None else args[0], SEARCHED if is_search else LISTED)

    def _started(self) -> None:
        """What a process says that the user's own code starts (git, nvidia-smi) is not known beforehand."""
        frame: Any = sys._getframe(1)
        while frame is not None and self._is_between(frame.f_code.co_filename):
            frame = frame.f_back
        if frame is None or self._origins.of(frame.f_code.co_filename) == "user":
            self.why_not = "starts a process"

    def _is_between(self, file: str) -> bool:
        is_stdlib = file.startswith((self._stdlib, "<frozen")) and not any(
            mark in file for mark in _LIBRARIES
        )
        return is_stdlib or self._origins.of(file) == "client"

    def _looking(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def look(path: Any, *args: Any, **options: Any) -> Any:
            self.note(path, LOOKED_AT)
            return function(path, *args, **options)

        return look
