"""Who launches a run: the process at the other end of a client's connection, and what it was started with.

Found in /proc, of clients of this user on this machine only. What cannot be read is left out. It takes some
milliseconds: for a thread.
"""

import hashlib
import json
import os
import pwd
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from homeport.control.runs.shell_files import lines_that_set
from homeport.model.home import Home
from homeport.record import notes
from homeport.record.masking import masked_words
from homeport.record.run import Launcher, Note, Process, ShellVariable
from homeport.runtime import processes

NOTES_FOLDER: Final = "launches"  # in a home's runs/; cli/launch_notes.py makes the files
_BOOTSTRAP: Final = "/homeport/cli/as_modal.py"
_MOST_PARENTS: Final = 32
_PEER: Final = re.compile(r"ipv4:(127(?:\.\d+){3}):(\d+)")


class Launchers:
    """Finds them. `salt`: of the digests of variables' values, as in the environments of containers."""

    def __init__(self, home: Home, salt: bytes) -> None:
        self._home = home
        self._salt = salt

    def find(self, peer: str, metadata: Mapping[str, str] | None = None) -> Launcher | None:
        """None for a client of another user or machine, or one that is gone."""
        matched = _PEER.fullmatch(peer)
        pid = processes.holder_of(matched[1], int(matched[2]), self._port()) if matched else None
        if pid is None or pid == os.getpid():
            return None
        environment = processes.environment(pid)
        # of one in a container the folder is none of this machine's, nor are its start-up files
        is_here = processes.sees_our_files(pid)
        folder = processes.working_folder(pid) if is_here else ""
        parents = _parents(pid)
        return Launcher(
            argv=masked_words(as_typed(processes.command_line(pid))),
            cwd=folder,
            pid=pid,
            user=_user(),
            client=_client(metadata or {}),
            parents=parents,
            shell=self._variables(environment, folder, parents, is_here=is_here),
            notes=tuple(self.notes(pid)),
        )

    def _port(self) -> int:
        """The engine's own; 0 where it is not written down (yet)."""
        try:
            said = json.loads(self._home.endpoint_file.read_text(encoding="utf-8"))
            return urlsplit(str(said["server_url"])).port or 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def notes(self, pid: int) -> list[Note]:
        """What a launcher that still runs has noted so far; nothing of a plain `modal` command."""
        name = f"{pid}-{processes.started_ticks(pid)}.jsonl"
        return notes.read_all(self._home.runs / NOTES_FOLDER / name)

    def _variables(
        self, environment: Mapping[str, str], folder: str, parents: tuple[Process, ...], *, is_here: bool
    ) -> tuple[ShellVariable, ...]:
        places = lines_that_set(environment, environment.get("HOME", ""), folder) if is_here else {}
        above = [(parent, processes.environment(parent.pid)) for parent in reversed(parents)]
        return tuple(
            ShellVariable(
                name,
                self._digest(value),
                places.get(name),
                next((parent for parent, theirs in above if theirs.get(name) == value), None),
            )
            for name, value in sorted(environment.items())
        )

    def _digest(self, value: str) -> str:
        return hashlib.blake2b(os.fsencode(value), key=self._salt, digest_size=16).hexdigest()


def as_typed(words: tuple[str, ...]) -> tuple[str, ...]:
    """A command line without what the system put before it: `/x/bin/python3 /x/bin/modal run app.py` was
    typed `modal run app.py`."""
    if not words or not Path(words[0]).name.startswith("python"):
        return words
    if len(words) > 5 and words[1].endswith(_BOOTSTRAP) and words[4].isdecimal():
        return ("homeport", *words[5 : 5 + int(words[4])])
    if len(words) > 1 and words[1].startswith("/") and Path(words[1]).parent.name == "bin":
        return (Path(words[1]).name, *words[2:])
    return (Path(words[0]).name, *words[1:])


def _parents(pid: int) -> tuple[Process, ...]:
    """From the nearest up; those of other users, which no shell of this one is, are the end."""
    found: list[Process] = []
    while len(found) < _MOST_PARENTS:
        pid = processes.parent(pid)
        if pid <= 0 or not processes.is_own(pid):
            break
        found.append(Process(pid, masked_words(processes.command_line(pid)), processes.working_folder(pid)))
    return tuple(found)


def _user() -> str:
    with suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return str(os.geteuid())


def _client(metadata: Mapping[str, str]) -> str:
    version = metadata.get("x-modal-client-version", "")
    python = metadata.get("x-modal-python-version", "")
    parts = (f"modal {version}" if version else "", f"Python {python}" if python else "")
    return ", ".join(filter(None, parts))
