"""A function's container as it will be: files, search path, packages, environment.

The image's steps are image_steps.py's, variables environment.py's. What is put together here is the place of
the app's own source, as the client ships it, and how `import` finds its way through all of it.
"""

import posixpath
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from weakref import WeakKeyDictionary

from homeport.check.container import standard_library
from homeport.check.container.built import Layers, definitions
from homeport.check.container.distributions import distribution_of
from homeport.check.container.environment import set_variables
from homeport.check.container.ground import Ground
from homeport.check.container.image_steps import apply
from homeport.check.container.packages import find_in_client
from homeport.check.container.placing import Piece
from homeport.check.container.site_packages import SitePackages
from homeport.check.facts import (
    App,
    FoundModule,
    Function,
    Image,
    MissingModule,
    Module,
    Placed,
    Resolution,
    UnprovenModule,
    Volume,
)
from homeport.check.values import Site, Unknown, Value

_HOME = "/root"  # where the client puts the app's source; the working folder of an image without another
_CLIENT = "/pkg"


def lay_out(
    function: Function,
    app: App,
    entry: Module,
    *,
    folder: Path,
    as_module: bool = False,
    launcher_python: str = "",
    layers: Layers | None = None,
) -> "Laid":
    """The container of a function. `folder` is where the command is typed, and with `as_module` it is
    `modal run -m`; `launcher_python` is the series of the Python there, such as "3.11". `layers` knows the
    images that are built on this machine.
    """
    series = launcher_python or f"{sys.version_info.major}.{sys.version_info.minor}"
    roots = tuple(map(Path, app.search_path))
    if not roots and not as_module:
        roots = (entry.path.absolute().parent,)
    ground = _of_image(function.image, Ground(folder.absolute(), series, roots=roots), layers)
    set_variables(function, ground)
    _ship_source(function, app, ground)
    _mount_volumes(function, ground)
    return Laid(ground)


def _built(
    image: Image | None, folder: Path, python_version: str, layers: Layers | None
) -> SitePackages | None:
    chain = definitions(image, folder, python_version) if layers is not None else None
    folders = layers.site_packages(chain, python_version) if layers is not None and chain else ()
    return SitePackages(folders) if folders else None


# What an image makes is the same for all functions that have it.
_images: WeakKeyDictionary[Image, list[Ground]] = WeakKeyDictionary()


def _of_image(image: Image | None, ground: Ground, layers: Layers | None) -> Ground:
    made = [] if image is None else _images.setdefault(image, [])
    for known in made:
        if (known.folder, known.launcher_python, known.roots) == (
            ground.folder,
            ground.launcher_python,
            ground.roots,
        ):
            return known.copied()
    apply(image, ground)
    if isinstance(ground.python_version, str):
        ground.packages.python_version = ground.python_version
        ground.packages.look_up = partial(_built, image, ground.folder, ground.python_version, layers)
    made.append(ground)
    return ground.copied()


def _ship_source(function: Function, app: App, ground: Ground) -> None:
    """The entry file, or the whole package that it is a module of, unless include_source says no."""
    wanted = function.options.get("include_source")
    if wanted is None:
        wanted = app.options.get("include_source", True)
    site = function.option_sites.get("include_source")
    module = function.module
    if isinstance(wanted, Unknown):
        ground.files.leave_open(_HOME, Unknown("whether the app's source is shipped is not known", site))
        return
    if not wanted or function.options.get("serialized") is True:
        return
    path = module.path.absolute()
    depth = module.name.count(".") + (path.name == "__init__.py")
    if not depth:
        ground.files.add(Piece(f"{_HOME}/{path.name}", path, None, "entry"))
        return
    package = path.parents[depth - 1]
    ground.files.add(Piece(f"{_HOME}/{package.name}", package, None, "package", True, _is_no_source))


def _is_no_source(path: str) -> bool:
    """What the client leaves out of a package: bytecode, and what begins with a dot."""
    parts = path.split("/")
    return path.endswith(".pyc") or any(part == "__pycache__" or part.startswith(".") for part in parts)


def _mount_volumes(function: Function, ground: Ground) -> None:
    shared = function.options.get("network_file_systems")
    mounts = {**(shared if isinstance(shared, Mapping) else {}), **function.volumes}
    for mount, volume in mounts.items():
        site = getattr(volume, "site", None)
        name = volume.name if isinstance(volume, Volume) and isinstance(volume.name, str) else ""
        kind = volume.kind if isinstance(volume, Volume) else "Volume"
        path = ground.path(str(mount)) if mount != "" else None
        if path is None:  # the key "" stands for mount points that are not known
            ground.files.leave_open("/", Unknown(f"a {kind} may be there", site))
        else:
            why = f"what the {kind} {name} holds is not known".replace("  ", " ")
            ground.files.mount(path, site, Unknown(why, site))


@dataclass
class Laid:
    """A container as rules ask for it: see facts.Container."""

    _ground: Ground
    _resolved: dict[tuple[str, tuple[str, ...]], Resolution] = field(default_factory=dict, repr=False)

    @property
    def python_version(self) -> str | Unknown:
        return self._ground.python_version

    @property
    def workdir(self) -> str | Unknown:
        return self._ground.workdir or _HOME

    @cached_property
    def search_path(self) -> tuple[str, ...]:
        value, _, _ = self._ground.environment["PYTHONPATH"]
        return tuple(value.split(":")) if isinstance(value, str) else (_HOME, _CLIENT)

    @property
    def environment(self) -> Mapping[str, tuple[Value, str, Site | None]]:
        return self._ground.environment

    @property
    def has_unknown_secrets(self) -> bool:
        return self._ground.has_unknown_secrets

    def at(self, path: str) -> Placed | Unknown | None:
        absolute = self._absolute(path)
        if isinstance(absolute, Unknown):
            return absolute
        return self._ground.files.at(absolute)

    def below(self, folder: str) -> Iterable[Placed]:
        absolute = self._absolute(folder)
        return () if isinstance(absolute, Unknown) else self._ground.files.below(absolute)

    def nearest_file(self, path: str) -> Path | None:
        workdir = self.workdir if isinstance(self.workdir, str) else _HOME
        roots = {(folder, root) for folder in (_HOME, workdir, "/app") for root in self._roots}
        folder = posixpath.dirname(path)
        for placed in self._ground.files.below(folder):
            if placed.source is not None and placed.kind == "file" and str(placed.path.parent) == folder:
                roots.add((folder, placed.source.parent))
        for prefix, root in roots:
            if path.startswith(f"{prefix}/") and (found := root / path.removeprefix(f"{prefix}/")).exists():
                return found
        return None

    @property
    def _roots(self) -> tuple[Path, ...]:
        return (*self._ground.roots, self._ground.folder)

    def is_installed(self, distribution: str) -> bool | Unknown:
        return self._ground.packages.is_installed(distribution)

    def find(self, module: str, search_path: tuple[str, ...]) -> Resolution:
        key = (module, search_path)
        if key not in self._resolved:
            self._resolved[key] = self._find(module, search_path)
        return self._resolved[key]

    def _absolute(self, path: str) -> str | Unknown:
        if not path.startswith("/"):
            if isinstance(self.workdir, Unknown):
                return self.workdir
            path = posixpath.join(self.workdir, path)
        return "/" + posixpath.normpath(path).lstrip("/")

    def _find(self, module: str, search_path: tuple[str, ...]) -> Resolution:
        top = module.partition(".")[0]
        if top in sys.builtin_module_names:
            return FoundModule("standard library", kind="stdlib")
        shipped = self._shipped(module, search_path)
        if isinstance(shipped, FoundModule | MissingModule):
            return self._before_folders(module, search_path) or shipped
        found = self._in_library(top) or self._ground.packages.find(module)
        if isinstance(found, UnprovenModule) and self._on_launcher(module):
            found = self._ground.packages.find(module, is_own=True)
        if isinstance(found, FoundModule):
            return found
        client = find_in_client(module)
        if client is not None:
            return client
        if isinstance(shipped, UnprovenModule):
            return shipped
        return found or self._missing(module)

    def _before_folders(self, module: str, search_path: tuple[str, ...]) -> Resolution | None:
        """A library that has a package of a name that the user ships as folders without __init__.py: it goes
        before these, wherever it lies.
        """
        top = module.partition(".")[0]
        shipped = self._shipped(top, search_path)
        if not isinstance(shipped, FoundModule) or not shipped.is_namespace:
            return None
        found = self._in_library(top) or self._ground.packages.find(
            module, is_own=bool(self._on_launcher(top))
        )
        if isinstance(found, FoundModule) and found.is_namespace:
            return None
        is_there = isinstance(self._shipped(module, search_path), FoundModule)
        return None if is_there and isinstance(found, UnprovenModule) else found

    def _in_library(self, top: str) -> Resolution | None:
        version = self._ground.python_version
        if isinstance(version, str):
            if top in standard_library.modules(version):
                return FoundModule("standard library", kind="stdlib")
            if top == "distutils" and self.is_installed("setuptools") is True:
                return FoundModule("setuptools", kind="distribution")
            return None
        if top not in standard_library.modules("3.11"):
            return None
        if standard_library.removed_in(top) or standard_library.added_in(top):
            return UnprovenModule(f"which Python the image has is not known, and not every one has {top}")
        return FoundModule("standard library", kind="stdlib")

    def _shipped(self, module: str, search_path: tuple[str, ...]) -> Resolution | None:
        """The user's own module; None where its first name is none of theirs."""
        folders: list[str] = []
        for entry in search_path:
            absolute = self._absolute(entry or ".")
            if isinstance(absolute, Unknown):
                return UnprovenModule(absolute.why)
            if absolute != _CLIENT:  # packages.find_in_client
                folders.append(absolute)
        names = module.split(".")
        found: FoundModule | UnprovenModule | None = None
        for depth, name in enumerate(names):
            step = self._in_folders(name, folders)
            if step is None or isinstance(step, UnprovenModule):
                return self._missing(module) if step is None and depth else step
            found, folders = step
            if depth + 1 < len(names) and not folders:
                return self._missing(module)
        return found

    def _in_folders(
        self, name: str, folders: list[str]
    ) -> tuple[FoundModule, list[str]] | UnprovenModule | None:
        """The first of that name, and the folders of its modules; those without __init__.py together."""
        spaces: list[Placed] = []
        perhaps: UnprovenModule | None = None
        for folder in folders:
            package, init = posixpath.join(folder, name), posixpath.join(folder, name, "__init__.py")
            for path, inside in (
                (init, [package]),
                (f"{package}.py", []),
                *((f"{package}{end}", []) for end in self._endings),
            ):
                placed = self._ground.files.at(path)
                if isinstance(placed, Placed) and placed.kind == "file":
                    return FoundModule(path, placed.source), list(inside)
                if isinstance(placed, Unknown) and perhaps is None:
                    perhaps = UnprovenModule(placed.why)
            placed = self._ground.files.at(package)
            if isinstance(placed, Placed) and placed.kind == "folder" and placed.origin != "image":
                spaces.append(placed)
        if perhaps is not None:
            return perhaps
        if spaces:
            first = spaces[0]
            return FoundModule(str(first.path), first.source, is_namespace=True), [
                str(each.path) for each in spaces
            ]
        return None

    @cached_property
    def _endings(self) -> tuple[str, ...]:
        """Of compiled modules."""
        version = self._ground.python_version
        tag = version.replace(".", "") if isinstance(version, str) else ""
        return (f".cpython-{tag}-x86_64-linux-gnu.so", ".abi3.so", ".so")

    def _missing(self, module: str) -> MissingModule:
        top = module.partition(".")[0]
        launcher = self._on_launcher(module)
        distribution = "" if launcher else distribution_of(module) or distribution_of(top)
        return MissingModule(
            self._ground.nearby.in_container(module, self._ground.files), launcher, distribution
        )

    def _on_launcher(self, module: str) -> tuple[Path, ...]:
        return self._ground.nearby.on_launcher(module, (*self._ground.roots, self._ground.folder))
