"""Notes what the user's process does with its environment, its children and its files, line by line.

Installed before the user's code in a container's process and its child Pythons (by the client bundle's
sitecustomize), and in the launcher. It sees what Python tells of: reads and changes of os.environ, programs
started, files opened. What C code does by itself is not seen. Nothing here may change what the program does,
or be noticed by it: what goes wrong in taking notes is silent.

Cost: every audit event calls `hook`, so what it does first is all that most programs pay for. Finding out
who reads a variable costs more than the read: a variable that is read in a loop, while nothing else is heard
of the program, is looked at no further until something is.
"""

from __future__ import annotations

import atexit
import os
import sys

from . import note_files, note_lines, note_places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType
    from typing import Any

FILE, KEY = "notes.jsonl", "notes.key"
# reads of one variable from places that are known, before it is quiet: at first, and again after each event
_READS, _READS_AGAIN = 5000, 50
_MOST_PLACES = 20000
_HOW = {"get": "get", "getenv": "get", "getenvb": "get", "__contains__": "in"}
_OS, _MAPPING = vars(os), vars(sys.modules["_collections_abc"])  # whose functions read for their callers
_identity = object.__hash__  # id() is an audit event


def install_in_container(folder: str) -> bool:
    """For the container whose `run` folder that is, as this process sees it."""
    above = os.path.dirname(folder)
    client = (above + "/", os.path.dirname(above).rstrip("/") + "/pkg/")
    return install(os.path.join(folder, FILE), os.path.join(folder, KEY), client)


def install(path: str, key_path: str, client: tuple[str, ...], *, needs_user: bool = False) -> bool:
    """Starts taking notes, if that file is there and this process takes none yet. For `client` and
    `needs_user` see note_places.py."""
    try:
        if type(os.environ._data) is not dict or not os.access(path, os.W_OK):  # type: ignore[attr-defined]
            return False
        number = os.open(key_path, os.O_RDONLY | os.O_CLOEXEC)
        key = os.read(number, 64)
        os.close(number)
        places = note_places.Places(client, needs_user=needs_user)
        Notes(note_lines.NoteFile(path, key), places).start()
    except OSError:
        return False
    return True


class Environment(dict):  # type: ignore[type-arg]
    """What os.environ keeps its variables in, as bytes; `_watched` makes it note reads."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return dict, (dict(dict.items(self)),)  # a copy of it is nobody's environment


def _watched(notes: Notes, quiet: set[bytes]) -> type[Environment]:
    get, frames, read = dict.__getitem__, sys._getframe, notes.read

    class Watched(Environment):
        __slots__ = ()

        def __getitem__(self, key: Any) -> Any:
            if key not in quiet:
                try:
                    read(key, frames(1))
                except Exception as error:
                    if not note_places.is_harmless(error):
                        raise
            return get(self, key)

        def __iter__(self) -> Iterator[Any]:
            try:
                read(None, frames(1))
            except Exception as error:
                if not note_places.is_harmless(error):
                    raise
            return dict.__iter__(self)

    return Watched


def _hook(handlers: dict[str, Callable[..., None]], quiet: set[bytes]) -> Callable[[str, Any], None]:
    def hook(event: str, arguments: Any) -> None:
        if event in handlers:
            if quiet:
                quiet.clear()
            try:
                handlers[event](*arguments)
            except Exception as error:
                if not note_places.is_harmless(error):
                    raise

    return hook


class Notes:
    """The notes of one process."""

    def __init__(self, file: note_lines.NoteFile, places: note_places.Places) -> None:
        self._file = file
        self._places = places
        self._files = note_files.Files(file, places)
        self._variables: Environment = Environment()
        self._seen: set[Any] = set()  # places of reads, by their code: found quickly
        self._noted: set[Any] = set()  # and by their lines
        self._reads: dict[bytes, int] = {}
        self._quiet: set[bytes] = set()  # variables that are read again and again
        self._changes: dict[str, Any] = {}  # the last one noted of each variable
        self._child: Any = None

    def start(self) -> None:
        self._file.name_process()
        self._variables = _watched(self, self._quiet)(os.environ._data)  # type: ignore[attr-defined]
        os.environ._data = os.environb._data = self._variables  # type: ignore[attr-defined]
        os.register_at_fork(after_in_child=self._forked)
        atexit.register(self._finish)
        handlers: dict[str, Callable[..., None]] = {
            "open": self._files.opened,
            "import": lambda *_: None,  # new code may read what has been quiet
            "os.chdir": self._files.moved,
            "os.putenv": self._set,
            "os.unsetenv": self._unset,
            "subprocess.Popen": lambda executable, argv, folder, env: self._started(argv, env),
            "os.exec": self._executed,
            "os.posix_spawn": self._spawned,
            "os.system": lambda command: self._started(["/bin/sh", "-c", command], None),
        }
        sys.addaudithook(_hook(handlers, self._quiet))

    def _forked(self) -> None:
        self._file.forked()
        self._files.reset()
        for facts in (self._seen, self._noted, self._reads, self._quiet, self._changes):
            facts.clear()

    def _finish(self) -> None:
        try:
            self._files.finish()
            self._file.finish()
        except OSError:
            pass

    # reads

    def read(self, key: Any, frame: FrameType | None) -> None:
        """Before a variable is read, or all of them (None). `frame`: what turned to the dictionary."""
        how = "copy" if key is None else "[]"
        while frame is not None and (frame.f_globals is _OS or frame.f_globals is _MAPPING):
            if key is not None and how == "[]":
                how = _HOW.get(frame.f_code.co_name, "[]")
            frame = frame.f_back
        if frame is None:
            return
        where = (_identity(frame.f_code), frame.f_lasti)
        if (key, where) in self._seen:
            self._count(key)
            return
        if len(self._seen) > _MOST_PLACES:
            self._seen.clear()
        self._seen.add((key, where))
        line = (None, where[0], frame.f_lineno)
        if key is None:
            self._seen.add(line)
        if key is None or line not in self._seen:  # else one by one, in copying all
            self._note_read(key, how, frame)

    def _count(self, key: Any) -> None:
        left = self._reads[key] = self._reads.get(key, _READS) - 1
        if left <= 0 and key is not None:
            self._reads[key] = _READS_AGAIN
            self._quiet.add(key)

    def _note_read(self, key: Any, how: str, frame: FrameType) -> None:
        if self._places.is_by_client(frame):
            return
        stack, library = self._places.stack(frame)
        place = (key, *stack[:1], *library)
        if not stack or place in self._noted:
            return
        self._noted.add(place)
        value = None if key is None else dict.get(self._variables, key)
        self._file.write(
            "read",
            stack,
            name="" if key is None else os.fsdecode(key),
            how=how,
            digest="" if value is None else self._file.digest(value),
            library=library,
        )

    # changes

    def _set(self, key: Any, value: Any) -> None:
        self._changed("set", os.fsdecode(key), self._file.digest(os.fsencode(value)))

    def _unset(self, key: Any) -> None:
        self._changed("unset", os.fsdecode(key), "")

    def _changed(self, kind: str, name: str, digest: str) -> None:
        stack, library = self._places.stack(sys._getframe(1))
        change = (kind, digest, *stack[:1])
        if self._changes.get(name) == change:
            return  # a loop that sets the same again
        self._changes[name] = change
        self._file.write(kind, stack, name=name, digest=digest, library=library)

    # programs

    def _executed(self, path: Any, argv: Any, env: Any) -> None:
        self._finish()
        self._started(argv, env)

    def _spawned(self, path: Any, argv: Any, env: Any) -> None:
        by = sys._getframe(2).f_code.co_filename
        if os.path.basename(by) != "subprocess.py":  # which told of it itself
            self._started(argv, env)

    def _started(self, argv: Any, env: Any) -> None:
        stack, library = self._places.stack(sys._getframe(1))
        words = note_lines.as_words(argv)
        changes = {} if env is None or env is os.environ else self._differences(env)
        child = (os.getpid(), words, changes, stack)
        if child != self._child:  # os.execvp tries each folder of PATH
            self._child = child
            self._file.write("child", stack, argv=words, changes=changes, library=library)

    def _differences(self, env: Mapping[Any, Any]) -> dict[str, str]:
        """Variables whose values a child gets otherwise than this process has them; empty: not at all."""
        ours = dict(dict.items(self._variables))
        given = {os.fsencode(key): os.fsencode(value) for key, value in env.items()}
        changed = {key: self._file.digest(value) for key, value in given.items() if ours.get(key) != value}
        changed.update((key, "") for key in ours if key not in given)
        return {os.fsdecode(key): digest for key, digest in changed.items()}
