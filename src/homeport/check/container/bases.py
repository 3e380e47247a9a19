"""What images begin with: Debian with Modal's Python, registries' images, conda; what apt and conda add."""

import re

from homeport.check.container.ground import Ground
from homeport.check.container.requirements import Requirement, read_requirement
from homeport.check.values import Site, Unknown, Value

# Images of which is known what lies outside of the system's folders: nothing.
_BARE = re.compile(
    r"(docker\.io/)?(library/)?(debian|ubuntu|buildpack-deps)(:|@|$)|(docker\.io/)?nvidia/cuda(:|@|$)"
)
_PYTHON = re.compile(r"(docker\.io/)?(library/)?python:(\d+\.\d+)\b")
_RICH = {"pytorch/pytorch": "torch torchvision torchaudio numpy", "tensorflow/tensorflow": "tensorflow"}
_CONDA_NAMES = {"pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch", "opencv": "opencv-python"}
_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
_OPEN_FOLDERS = ("/opt", "/home")  # /workspace is a custom of images with a framework, not of these


def debian_slim(ground: Ground, python_version: Value) -> None:
    """The client's default: Debian and a Python of python.org's in /usr/local, as its image has it."""
    ground.python_version = _series(python_version, ground)
    _pythons_own(ground)
    for name in ("pip", "wheel", "uv"):
        ground.packages.install(Requirement(name))


def registry(ground: Ground, tag: Value, python: Value, site: Site) -> None:
    """An image by its name, with a Python of Modal's where `add_python` says so."""
    if not isinstance(tag, str):
        unknown(ground, "which image it begins with is not known", site)
    elif found := _PYTHON.match(tag):
        ground.python_version = found[3]
        _pythons_own(ground)
        ground.packages.install(Requirement("wheel", is_certain=False))
    elif _BARE.match(tag):
        ground.has_own_python = True
        ground.python_version = Unknown(f"the image {tag} has no Python of its own", site)
        for folder in _OPEN_FOLDERS:
            ground.files.leave_open(folder, Unknown(f"the image {tag} may hold it", site))
        if not python:
            ground.packages.install(Unknown(f"which Python {tag} gets is not known", site))
    else:
        unknown(ground, f"what the image {tag} holds is not known", site)
        for name in next((names for image, names in _RICH.items() if image in tag), "").split():
            ground.packages.install(Requirement(name))
    if python:
        add_python(ground, python)


def add_python(ground: Ground, version: Value) -> None:
    """A Python that stands alone, in /usr/local: the packages of the one before it are not seen by it."""
    ground.python_version = _series(version, ground)
    ground.packages.requirements.clear()
    ground.packages.unknown.clear()
    ground.has_own_python = False
    _pythons_own(ground)


def micromamba(ground: Ground, python_version: Value) -> None:
    ground.python_version = _series(python_version, ground)
    ground.files.leave_open("/opt", Unknown("conda's files lie there"))
    for name in ("pip", "setuptools", "wheel"):
        ground.packages.install(Requirement(name, is_certain=name == "pip"))


def unknown(ground: Ground, why: str, site: Site | None) -> None:
    """An image of which nothing is known."""
    ground.lose(why, site)
    ground.python_version = Unknown(why, site)
    ground.workdir = Unknown(why, site)
    ground.has_own_python = True
    ground.has_unknown_secrets = True  # its variables are not known either


def apt(ground: Ground, package: str, site: Site | None) -> None:
    """Debian's packages of Python modules are for Debian's Python, and Modal's images run another."""
    if ground.has_own_python and package.startswith("python3-"):
        name = package.removeprefix("python3-")
        ground.packages.install(Requirement(name, is_exact=False, is_certain=False))


def conda(ground: Ground, package: str) -> None:
    requirement = read_requirement(package.partition("::")[2] or package)
    if isinstance(requirement, Requirement) and requirement.name != "python":
        ground.packages.install(Requirement(_CONDA_NAMES.get(requirement.name, requirement.name), (), False))


def _pythons_own(ground: Ground) -> None:
    """pip, and setuptools where that Python came with it."""
    ground.put("PATH", _PATH, "image", None)
    ground.put("PYTHON_VERSION", Unknown("the image's base sets it"), "image", None)
    ground.packages.install(Requirement("pip"))
    if isinstance(ground.python_version, str) and _number(ground.python_version) >= (3, 12):
        return
    ground.packages.install(Requirement("setuptools", is_certain=isinstance(ground.python_version, str)))


def _series(version: Value, ground: Ground) -> str | Unknown:
    if version is None:
        return ground.launcher_python
    found = re.match(r"\d+\.\d+", version) if isinstance(version, str) else None
    return found[0] if found else Unknown("the image's Python version is not known")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
