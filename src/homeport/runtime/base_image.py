"""The image behind `FROM python:3.X-slim-…`: a userland and a Python above it, as layers.

The userland is this machine's own, shown through the base tree, or a root file system of the user's own, in
which apt works. Which of them is the caller's to say.

Everything that an image needs before its first instruction; a container needs the client bundle besides.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from homeport.model.errors import NotServedError
from homeport.model.home import Home
from homeport.runtime.base_tree import describe_userland, ensure_base_tree
from homeport.runtime.debian_base import DebianBase, ensure_debian_base, ready_debian_base
from homeport.runtime.layers import LayerStore
from homeport.runtime.pythons import PythonLayer, ensure_python, ready_python
from homeport.runtime.uv import Log

_TAG = re.compile(
    r"(?:docker\.io/)?(?:library/)?python:(3\.\d+)(\.\d+\w*)?"
    r"(?:-slim)?(?:-(bookworm|trixie|bullseye|buster|forky))?"
)
BASE_ENV = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class BaseImage:
    """A base image that is ready. `layers`: topmost first; `notes`: where it differs from what was asked."""

    layers: tuple[Path, ...]
    python: PythonLayer
    env: dict[str, str]
    notes: tuple[str, ...] = ()
    host_usr: bool = True

    @property
    def identity(self) -> tuple[str, str, str]:
        """What the image's steps depend on. A newer patch of the same Debian does not count; of a root file
        system of its own all does, since dpkg notes there what is installed."""
        userland = base_identity() if self.host_usr else self.layers[-1].name
        return userland, self.python.version, self.python.origin


@dataclass(frozen=True)
class PythonTag:
    """`python:3.11.12-slim-bookworm` taken apart."""

    series: str
    patch: str  # such as ".12"; empty where none was asked for
    codename: str


def is_local_tag(name: str) -> bool:
    """Whether this machine's base can stand for an image of this name, one of Python's own."""
    return _TAG.fullmatch(name) is not None


def base_identity() -> str:
    """What steps on a base depend on. A newer patch of the same Debian does not count."""
    userland = describe_userland()
    return f"{userland.get('ID', '')} {userland.get('VERSION_ID', '')}"


def describe_base() -> str:
    """The base in a note."""
    return (
        f"base image: this machine's userland ({describe_userland().get('PRETTY_NAME', 'Linux')}), read-only"
    )


def parse_tag(tag: str) -> PythonTag:
    """The Python and the Debian that a tag asks for. Raises NotServedError for any other image."""
    found = _TAG.fullmatch(tag)
    if found is None:
        raise NotServedError(
            f"This machine's base cannot stand for the image {tag}. Use Image.debian_slim(python_version=…) "
            "or a python:3.X-slim image, and add to it what is needed."
        )
    return PythonTag(found[1], found[2] or "", found[3] or "")


async def ensure_base_image(
    home: Home, store: LayerStore, tag: str, log: Log, *, own_root: bool = False
) -> BaseImage:
    """The base image for a tag such as python:3.11.12-slim-bookworm, over this machine's userland or a root
    file system of its own.

    Raises NotServedError for other images, FailedPreconditionError where the Python cannot be had.
    """
    asked = parse_tag(tag)
    if own_root:
        own = await ensure_debian_base(home, store, asked.series, asked.codename, log)
        return _own_base_image(asked, own)
    base = await ensure_base_tree(store)
    python = await ensure_python(home, store, asked.series, log)
    return _base_image(asked, base, python)


def _base_image(asked: PythonTag, base: Path, python: PythonLayer) -> BaseImage:
    env = {**BASE_ENV, "PYTHON_VERSION": python.version}
    return BaseImage((python.tree, base), python, env, _differences(asked, python))


def _own_base_image(asked: PythonTag, base: DebianBase) -> BaseImage:
    env = {**BASE_ENV, "PYTHON_VERSION": base.python.version}
    note = f"{base.root.note}; Python {base.python.version}, {base.python.origin}"
    notes = (note, *_python_differences(asked, base.python))
    if asked.codename and asked.codename != base.root.release.codename:
        notes = (*notes, f"Debian {asked.codename} was asked for, {base.root.userland} is used")
    return BaseImage((base.python.tree, base.root.tree), base.python, env, notes, host_usr=False)


async def ready_base_image(
    home: Home, store: LayerStore, tag: str, *, own_root: bool = False
) -> BaseImage | None:
    """What `ensure_base_image` would give, if the Python is there: the base tree alone is soon made anew.

    Raises NotServedError.
    """
    asked = parse_tag(tag)
    if own_root:
        found = await ready_debian_base(home, store, asked.series, asked.codename)
        return _own_base_image(asked, found) if found else None
    python = await ready_python(home, store, asked.series)
    if python is None:
        return None
    return _base_image(asked, await ensure_base_tree(store), python)


async def ensure_base(home: Home, python_series: str) -> tuple[Path, ...]:
    """The layers of a bare Python image such as 3.11, topmost first."""
    image = await ensure_base_image(home, LayerStore(home), f"python:{python_series}-slim", lambda line: None)
    return image.layers


def _differences(asked: PythonTag, python: PythonLayer) -> tuple[str, ...]:
    userland = describe_userland()
    here = userland.get("PRETTY_NAME", "Linux")
    note = f"{describe_base()}; Python {python.version}, {python.origin}"
    notes = [note, *_python_differences(asked, python)]
    if asked.codename and asked.codename != userland.get("VERSION_CODENAME"):
        notes.append(f"Debian {asked.codename} was asked for, {here} is used")
    return tuple(notes)


def _python_differences(asked: PythonTag, python: PythonLayer) -> tuple[str, ...]:
    if asked.patch and python.version != asked.series + asked.patch:
        return (f"Python {asked.series}{asked.patch} was asked for, {python.version} is used",)
    return ()
