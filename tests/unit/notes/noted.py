"""Runs a program under notes in a fresh interpreter, and reads what was written down."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from homeport.runtime.inside import notes

INSIDE = Path(notes.__file__).parent
SALT = b"salt"
_INSTALL = """
import sys as _sys
_package = _sys.modules["_homeport"] = type(_sys)("_homeport")
_package.__path__ = [{inside!r}]
from _homeport import notes as _notes
assert _notes.install({file!r}, {key!r}, ({client!r},))
del _package, _notes
for _name in [_name for _name in _sys.modules if _name.partition(".")[0] == "_homeport"]:
    del _sys.modules[_name]
"""


class Noted:
    """A notes file and the programs that write it; each program is a file of the folder."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        self.python = python
        self.file = folder / "run" / notes.FILE
        self.file.parent.mkdir()
        self.file.touch()
        (self.file.parent / notes.KEY).write_bytes(SALT)
        site = _INSTALL.format(
            inside=str(INSIDE),
            file=str(self.file),
            key=str(self.file.parent / notes.KEY),
            client=f"{folder}/pkg/",
        )
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(site)

    def run(self, program: str, *arguments: str, name: str = "app.py", **env: str) -> str:
        """What it printed. Raises CalledProcessError with what it complained of."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(program)
        done = subprocess.run(
            [self.python, "-B", str(path), *arguments],
            env={"PYTHONPATH": f"{self.folder}/site", "PATH": os.environ["PATH"], **env},
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    def notes(self, *kinds: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.file.read_text().splitlines() if line]
        return [note for note in found if not kinds or note["kind"] in kinds]

    def short(self, *kinds: str) -> list[tuple[Any, ...]]:
        """Kind, name or path, how, line of the innermost frame."""
        return [
            (
                note["kind"],
                note.get("name", note.get("path", "")),
                note.get("how", ""),
                note["stack"][0]["line"] if "stack" in note else 0,
            )
            for note in self.notes(*kinds)
        ]
