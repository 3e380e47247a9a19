"""Installs packages with uv by hard links, and gives installed packages their bytecode from a cache.

Runs inside a step that installs, on the image's own Python, as `python -c SOURCE bytecode CACHE` or
`python -c SOURCE link SCRATCH CACHE UV ARGUMENT…`.

A hard link takes a hundredth of a copy's time, and needs both names on one mount: SCRATCH lies beside uv's
cache, on the cache's mount, while the layer does not. So uv installs below SCRATCH as if that were the
prefix, knowing what the image has already; the engine then makes what lies in SCRATCH/ready a part of the
layer. What this way cannot do (replace or remove what lower layers hold) it leaves to the ordinary one, by
ending with NOT_THIS_WAY.

Bytecode files are those that Python itself would write: valid as long as size and time of their source are.
Of a source that is a hard link, whose time is always the same, the cache has the whole file, and it is
linked, too. Of another one it has the body, named by a hash of what that was made from, path included, since
code objects hold it; empty where that does not compile.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import shutil
import stat
import struct
import sys
import sysconfig
import time
from typing import Iterator, List, Tuple

NOT_THIS_WAY = 75
UV_FAILED = 64  # and uv's own status above it: Python itself ends with 1 where it cannot run this
_HEADER_BYTES = 16
_LEAST_FOR_TWO = 100  # files that are worth another process
_Source = Tuple[str, str]  # where it lies, and where the container will have it


def main(arguments: List[str]) -> int:
    what, *rest = arguments
    if what == "bytecode":
        compile_all(*rest)
        return 0
    scratch, cache, *command = rest
    try:
        return link(scratch, cache, command)
    except OSError as error:
        print("(hard links to the packages' cache were not possible: {})".format(error), flush=True)
        return NOT_THIS_WAY


def link(scratch: str, cache: str, command: List[str]) -> int:
    """Runs `command`, uv and its arguments, for a prefix below `scratch`."""
    site, platform_site = sysconfig.get_path("purelib"), sysconfig.get_path("platlib")
    usual = "{}/lib/python{}.{}/site-packages".format(sys.prefix, *sys.version_info[:2])
    if not site == platform_site == usual:
        return NOT_THIS_WAY
    root = os.path.join(scratch, "making")
    below = root + site
    os.makedirs(below)
    shown = _show_installed(site, below)
    if shown is None:
        return NOT_THIS_WAY
    options = ["--prefix", root + sys.prefix, "--link-mode", "hardlink", "--no-compile-bytecode"]
    status = os.spawnv(os.P_WAIT, command[0], [*command, *options])
    if status == 127:  # uv is a program for another C library
        return NOT_THIS_WAY
    if status:
        return UV_FAILED + min(abs(status), 10)
    if not all(os.path.isdir(folder) for folder in shown):
        return _leave("it replaces what is installed")
    for folder in shown:
        shutil.rmtree(folder)
    if os.path.exists(root + sys.prefix + "/.lock"):
        os.unlink(root + sys.prefix + "/.lock")
    if not _fits(root):
        return _leave("a link is in the way")
    started = time.monotonic()
    sources = [(path, path[len(root) :]) for path in _without_bytecode(below)]
    _compile(started, sources, cache, links=True)
    os.rename(root, os.path.join(scratch, "ready"))
    return 0


def _leave(why: str) -> int:
    print("({}: once more, by copying)".format(why), flush=True)
    return NOT_THIS_WAY


def _show_installed(site: str, below: str) -> "List[str] | None":
    """Makes uv believe that `below` holds what `site` does; the folders made for it. None where something was
    installed there by a tool of old."""
    shown = []
    for name in os.listdir(site) if os.path.isdir(site) else ():
        if name.endswith((".egg-info", ".egg-link", ".egg")):
            return None
        if not os.path.isfile(os.path.join(site, name, "METADATA")):
            continue
        folder = os.path.join(below, name)
        os.mkdir(folder)
        shown.append(folder)
        files = [f for f in ("METADATA", "direct_url.json") if os.path.exists(os.path.join(site, name, f))]
        for file in files:
            os.symlink(os.path.join(site, name, file), os.path.join(folder, file))
        with open(os.path.join(folder, "RECORD"), "w") as record:  # what uv would remove
            record.writelines("{}/{},,\n".format(name, file) for file in (*files, "RECORD"))
    return shown


def _fits(root: str) -> bool:
    """Whether the tree can lie over the image's: its folders over folders, its files over files. Folders that
    the image has get the image's permissions."""
    for folder, names, files in os.walk(root):
        if any(os.path.isdir(os.path.join(folder, name)[len(root) :]) for name in files):
            return False
        for name in names:
            place = os.path.join(folder, name)
            try:
                there = os.lstat(place[len(root) :]).st_mode
            except OSError:
                continue
            if not stat.S_ISDIR(there):
                return False
            os.chmod(place, stat.S_IMODE(there))
    return True


def compile_all(cache: str) -> None:
    """Bytecode for all that is installed and has none."""
    started = time.monotonic()
    paths = [path for folder in _site_folders() for path in _without_bytecode(folder)]
    _compile(started, [(path, path) for path in paths], cache, links=False)


def _compile(started: float, sources: List[_Source], cache: str, *, links: bool) -> None:
    if not sources:
        return
    missing = [source for source in sources if not (links and _link_known(source, cache))]
    cached = len(sources) - len(missing) + _in_processes(missing, cache, links)
    took = time.monotonic() - started
    print("Bytecode of {} files in {:.1f}s ({} were compiled before)".format(len(sources), took, cached))


def _site_folders() -> List[str]:
    return sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


def _without_bytecode(folder: str) -> Iterator[str]:
    for place, names, files in os.walk(folder):
        if "__pycache__" in names:
            names.remove("__pycache__")
        for name in files:
            if name.endswith(".py"):
                path = os.path.join(place, name)
                if not _is_valid(importlib.util.cache_from_source(path), path):
                    yield path


def _is_valid(bytecode: str, source: str) -> bool:
    try:
        with open(bytecode, "rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return False
    return header[4:8] != bytes(4) or header == _header(os.stat(source))


def _header(found: os.stat_result) -> bytes:
    when = int(found.st_mtime) & 0xFFFFFFFF
    return importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, when, found.st_size & 0xFFFFFFFF)


def _link_known(source: _Source, cache: str) -> bool:
    """Links the bytecode of a source that is a hard link itself, if it was compiled before."""
    path, place = source
    found = os.lstat(path)
    if found.st_nlink < 2:
        return False
    try:
        _link(_linked_name(place, found, cache), importlib.util.cache_from_source(path))
    except OSError:
        return False
    return True


def _linked_name(place: str, found: os.stat_result, cache: str) -> str:
    """Where the bytecode of this very file lies in the cache."""
    what = (importlib.util.MAGIC_NUMBER, place, found.st_ino, found.st_mtime_ns, found.st_size)
    name = hashlib.sha256(repr(what).encode("utf-8", "surrogateescape")).hexdigest()
    return os.path.join(cache, "linked-" + name[:2], name[2:])


def _link(cached: str, target: str) -> None:
    try:
        os.link(cached, target)
    except FileNotFoundError:  # either of them
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.link(cached, target)


def _in_processes(sources: List[_Source], cache: str, links: bool) -> int:
    """Does them all, shared out among as many processes as there are cores; how many came from the cache."""
    number = min(len(os.sched_getaffinity(0)), max(1, len(sources) // _LEAST_FOR_TWO))
    pipes = []
    for share in range(1, number):
        ours, theirs = os.pipe()
        if os.fork() == 0:
            try:
                os.write(theirs, b"%d" % _all(sources[share::number], cache, links))
            finally:
                os._exit(0)
        os.close(theirs)
        pipes.append(ours)
    cached = _all(sources[0::number], cache, links)
    for pipe in pipes:
        with open(pipe, "rb") as answer:
            cached += int(answer.read() or 0)
        os.wait()
    return cached


def _all(sources: List[_Source], cache: str, links: bool) -> int:
    return sum(_one(*source, cache, links) for source in sources)


def _one(path: str, place: str, cache: str, links: bool) -> bool:
    """Whether its bytecode came from the cache."""
    try:
        with open(path, "rb") as file:
            source = file.read()
            found = os.fstat(file.fileno())
        target = importlib.util.cache_from_source(path)
        if links and found.st_nlink > 1:
            body = _compiled(source, place)
            if body:
                known = _linked_name(place, found, cache)
                _write(known, _header(found) + body)
                _link(known, target)
            return False
        body, was_cached = _body(source, place, cache)
        if body:
            _write(target, _header(found) + body)
        return was_cached
    except OSError:  # of a full disk, for instance: Python compiles when it imports
        return False


def _body(source: bytes, place: str, cache: str) -> "tuple[bytes, bool]":
    made_from = b"\0".join((importlib.util.MAGIC_NUMBER, os.fsencode(place), source))
    name = hashlib.sha256(made_from).hexdigest()
    cached = os.path.join(cache, name[:2], name[2:])
    try:
        with open(cached, "rb") as file:
            return file.read(), True
    except OSError:
        pass
    body = _compiled(source, place)
    try:
        _write(cached, body)
    except OSError:  # the cache saves time, and is not what is asked for
        pass
    return body, False


def _compiled(source: bytes, place: str) -> bytes:
    """Empty for a template, or code for another Python."""
    try:
        return marshal.dumps(compile(source, place, "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return b""


def _write(path: str, content: bytes) -> None:
    draft = "{}.{}".format(path, os.urandom(6).hex())  # ids of processes are the same in all containers
    try:
        number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with open(number, "wb") as file:
        file.write(content)
    os.replace(draft, path)


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")  # of others' code, such as invalid escapes
    sys.exit(main(sys.argv[1:]))
