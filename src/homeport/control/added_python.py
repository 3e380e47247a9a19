"""add_python: a Python of this machine for an image that has none, or another.

It is copied with the libraries that its modules need; the C library has to be the image's own.
"""

from collections.abc import Mapping
from pathlib import Path

from homeport.model.errors import FailedPreconditionError, InvalidError, NotServedError
from homeport.model.home import Home
from homeport.plan.instructions import Copy
from homeport.runtime.image_builder import ImageBuilder
from homeport.runtime.layers import LayerStore
from homeport.runtime.pythons import PythonLayer, ensure_python, ready_python
from homeport.runtime.uv import Log

_PROBE = "import bz2, ctypes, encodings.idna, hashlib, lzma, sqlite3, ssl, zlib"


class AddedPython:
    """Of one definition; `asked` is what the client names, such as 20230826.3.11.5: release, version."""

    def __init__(self, home: Home, store: LayerStore, builder: ImageBuilder, asked: str) -> None:
        self._home = home
        self._store = store
        self._builder = builder
        release, _, self.version = asked.partition(".")
        self.series = ".".join(self.version.split(".")[:2])
        # earlier releases had no `python`, and the client links it in its next step
        self.left_out = ("bin/python",) if release < "20241008" else ()

    def check(self, step: Copy, layers: tuple[Path, ...]) -> None:
        """Raises NotServedError for another step or kind of Python, InvalidError for Alpine."""
        if step.sources != ("/python/.",) or step.target != "/usr/local":
            raise NotServedError(
                f"Homeport serves of add_python only `COPY /python/. /usr/local`, not `{step.text}`."
            )
        if self.version.endswith("t"):
            raise NotServedError(
                f'Homeport does not serve add_python="{self.series}t" yet, a Python without a global lock: '
                f'use "{self.series}".'
            )
        if any(next((layer / "lib").glob("ld-musl-*"), None) for layer in layers):
            raise InvalidError(
                "add_python needs an image with the GNU C library, and this one has musl (Alpine). Take its "
                "variant for Debian or Ubuntu."
            )

    async def python(
        self, layers: tuple[Path, ...], env: Mapping[str, str], host_usr: bool, log: Log
    ) -> PythonLayer:
        """The layer, seen to run on the image. Raises FailedPreconditionError where none does."""
        try:
            python = await ensure_python(self._home, self._store, self.series, log, takes_system=host_usr)
        except FailedPreconditionError as error:
            raise FailedPreconditionError(
                f'add_python="{self.series}" takes a Python that runs in any image, and there is none of '
                f"that version here. Run `uv python install {self.series}` or `pyenv install {self.series}`. "
                f"({error})"
            ) from None
        command = (python.executable, "-I", "-c", f"{_PROBE}; print('works')")
        said = await self._builder.ask((python.tree, *layers), command, env=env, host_usr=host_usr)
        if said.strip() != "works":
            raise FailedPreconditionError(
                f"Python {python.version} ({python.origin}) does not run in this image: its C library is "
                f"older than this machine's, or it has none. Run `uv python install {self.series}`, whose "
                "Pythons run on any, or take an image with a Python."
            )
        return python

    async def note(self) -> str:
        found = await ready_python(self._home, self._store, self.series, takes_system=False)
        if found is None or found.version == self.version:
            return f"add_python: Python {self.version}"
        return f"add_python: Python {self.version} was asked for, {found.version} is used ({found.origin})"
