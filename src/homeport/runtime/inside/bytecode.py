"""Gives installed packages their bytecode: from a cache where the same file was compiled before.

Runs at the end of a step that installs, on the image's own Python, as `python -c SOURCE CACHE`. The files are
those that Python itself would write: valid as long as size and time of their source are. A cached body is
named by a hash of what it was made from, path included, since code objects hold it; empty where that does not
compile.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import struct
import sys
import sysconfig
import time
from typing import Iterator, List

_HEADER_BYTES = 16
_LEAST_FOR_TWO = 100  # files that are worth another process


def main(cache: str) -> None:
    started = time.monotonic()
    sources = [path for folder in _site_folders() for path in _without_bytecode(folder)]
    if not sources:
        return
    cached = _in_processes(sources, cache)
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


def _in_processes(sources: List[str], cache: str) -> int:
    """Does them all, shared out among as many processes as there are cores; how many came from the cache."""
    number = min(len(os.sched_getaffinity(0)), max(1, len(sources) // _LEAST_FOR_TWO))
    pipes = []
    for share in range(1, number):
        ours, theirs = os.pipe()
        if os.fork() == 0:
            try:
                os.write(theirs, b"%d" % _all(sources[share::number], cache))
            finally:
                os._exit(0)
        os.close(theirs)
        pipes.append(ours)
    cached = _all(sources[0::number], cache)
    for pipe in pipes:
        with open(pipe, "rb") as answer:
            cached += int(answer.read() or 0)
        os.wait()
    return cached


def _all(sources: List[str], cache: str) -> int:
    return sum(_one(path, cache) for path in sources)


def _one(path: str, cache: str) -> bool:
    """Whether its bytecode came from the cache."""
    try:
        with open(path, "rb") as file:
            source = file.read()
            header = _header(os.fstat(file.fileno()))
        made_from = b"\0".join((importlib.util.MAGIC_NUMBER, os.fsencode(path), source))
        name = hashlib.sha256(made_from).hexdigest()
        body, was_cached = _body(os.path.join(cache, name[:2], name[2:]), source, path)
        if body:
            target = importlib.util.cache_from_source(path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            _write(target, header + body)
        return was_cached
    except OSError:  # of a full disk, for instance: Python compiles when it imports
        return False


def _body(cached: str, source: bytes, path: str) -> "tuple[bytes, bool]":
    try:
        with open(cached, "rb") as file:
            return file.read(), True
    except OSError:
        pass
    try:
        body = marshal.dumps(compile(source, path, "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a template, or code for another Python
        body = b""
    try:
        os.makedirs(os.path.dirname(cached), exist_ok=True)
        _write(cached, body)
    except OSError:  # the cache saves time, and is not what is asked for
        pass
    return body, False


def _write(path: str, content: bytes) -> None:
    draft = "{}.{}".format(path, os.getpid())
    with open(draft, "wb") as file:
        file.write(content)
    os.replace(draft, path)


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")  # of others' code, such as invalid escapes
    main(sys.argv[1])
