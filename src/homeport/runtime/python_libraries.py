"""The libraries that a copied Python's modules need, laid beside them.

A Python that was built on this machine finds OpenSSL, SQLite and the like in this machine's /usr; an image of
a registry has its own, or none. The C library is never brought along: an image has to have one that is new
enough.
"""

import os
import re
import shutil
from pathlib import Path

from homeport.model.errors import FailedPreconditionError
from homeport.runtime.uv import run_tool

FOLDER = "_libs"  # in lib-dynload
_RELATIVE = b"$ORIGIN/_libs"
_C_LIBRARY = re.compile(
    r"(ld-linux.*|libc|libm|libdl|libpthread|librt|libutil|libresolv|libgcc_s|libpython3.*)\.so(\.\d+)*"
)
_LEFT_OUT = re.compile(r"(_tkinter|nis)\.")  # they need more than a few libraries, and hardly anybody them
_FOUND = re.compile(r"^\s*(\S+) => (/\S+) \(0x", re.MULTILINE)


async def bring_libraries(modules: Path, prefix: Path) -> None:
    """Copies what the modules of a copied Python need into a folder beside them, and lets them look there.

    `prefix` is where it was copied from. Modules that name no place for libraries are left as they are.
    """
    patched = [
        path for path in modules.glob("*.so") if not _LEFT_OUT.match(path.name) and _point(path, prefix)
    ]
    if not patched:
        return
    try:
        listed = await run_tool(["ldd", *map(str, patched)], env={"LC_ALL": "C", "PATH": os.defpath})
    except (FailedPreconditionError, OSError):  # no ldd: as good as it was
        return
    target = modules / FOLDER
    target.mkdir(exist_ok=True)
    for name, place in _FOUND.findall(listed):
        if not _C_LIBRARY.fullmatch(name) and not (target / name).exists():
            shutil.copyfile(place, target / name)
            (target / name).chmod(0o755)


def _point(module: Path, prefix: Path) -> bool:
    """Makes a module look for libraries beside itself; False where there is no room for that."""
    content = module.read_bytes()
    patched = with_library_path(content, prefix, _RELATIVE)
    if patched is None:
        return False
    mode = module.stat().st_mode
    module.chmod(mode | 0o200)
    module.write_bytes(patched)
    module.chmod(mode)
    return True


def with_library_path(binary: bytes, prefix: Path, relative: bytes) -> bytes | None:
    """The binary with its run path `PREFIX/lib` replaced by one relative to itself. None where it has none,
    or no room for the other."""
    old = str(prefix).encode() + b"/lib"
    if len(old) < len(relative) or binary.count(b"\0" + old + b"\0") != 1:
        return None
    padded = relative + b"\0" * (len(old) - len(relative))
    return binary.replace(b"\0" + old + b"\0", b"\0" + padded + b"\0")
