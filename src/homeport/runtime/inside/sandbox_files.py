"""`Sandbox.filesystem`: one operation on the files of the container that this runs in.

The client runs a program of Modal's for it, as a command with one argument of JSON; commands of that name run
this file instead (spawn.py). Data goes by stdin and stdout. What went wrong is one line of JSON on stderr, in
the words that the client knows.
"""

from __future__ import annotations

import errno
import grp
import json
import os
import pwd
import shutil
import stat
import sys
import tempfile
from typing import Any

_PIECE_BYTES = 1 << 20
_MOST_READ_BYTES = 5 << 30
_KINDS = {
    errno.ENOENT: "NotFound",
    errno.EEXIST: "PathAlreadyExists",
    errno.EISDIR: "IsDirectory",
    errno.ENOTDIR: "NotDirectory",
    errno.ENOTEMPTY: "DirectoryNotEmpty",
    errno.EACCES: "PermissionDenied",
    errno.EPERM: "PermissionDenied",
    errno.EROFS: "PermissionDenied",
}


class ToolError(Exception):
    """What the client is told: one of its kinds, and a sentence."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def main(arguments: list[str]) -> None:
    try:
        ((name, given),) = json.loads(arguments[0]).items()
        operation = _OPERATIONS.get(name)
        if operation is None:
            raise ToolError("Other", "Homeport does not serve Sandbox.filesystem's {} yet".format(name))
        operation(given)
        sys.stdout.flush()
    except ToolError as error:
        _fail(error.kind, str(error))
    except OSError as error:
        _fail(_KINDS.get(error.errno or 0, "Other"), error.strerror or str(error))


def _fail(kind: str, sentence: str) -> None:
    sys.stderr.write(json.dumps({"error_kind": kind, "message": sentence}))
    sys.exit(1)


def _read_file(given: dict[str, Any]) -> None:
    with open(given["path"], "rb") as file:
        if os.fstat(file.fileno()).st_size > _MOST_READ_BYTES:
            raise ToolError("FileTooLarge", "Files of more than 5 GiB are not read in this way")
        shutil.copyfileobj(file, sys.stdout.buffer, _PIECE_BYTES)


def _write_file(given: dict[str, Any]) -> None:
    """By a rename, so nobody sees half a file, and one that is there keeps its mode."""
    path = os.path.realpath(given["path"])
    if os.path.isdir(path):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except FileExistsError:
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as target:  # such as a device
            shutil.copyfileobj(sys.stdin.buffer, target, _PIECE_BYTES)
        return
    number, draft = tempfile.mkstemp(prefix=".modal-", dir=os.path.dirname(path))
    try:
        with os.fdopen(number, "wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target, _PIECE_BYTES)
        mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else 0o666 & ~_umask()
        os.chmod(draft, mode)
        os.rename(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _list_files(given: dict[str, Any]) -> None:
    folder = given["path"]
    if not stat.S_ISDIR(os.stat(folder).st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    json.dump([_describe(os.path.join(folder, name)) for name in sorted(os.listdir(folder))], sys.stdout)


def _stat(given: dict[str, Any]) -> None:
    json.dump(_describe(given["path"]), sys.stdout)


def _make_directory(given: dict[str, Any]) -> None:
    if not given.get("parents"):
        os.mkdir(given["path"])
        return
    try:
        os.makedirs(given["path"], exist_ok=True)
    except FileExistsError:
        if not os.path.isdir(os.path.dirname(given["path"])):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
        raise


def _remove(given: dict[str, Any]) -> None:
    path = given["path"]
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
    elif given.get("recursive"):
        shutil.rmtree(path)
    else:
        os.rmdir(path)


def _describe(path: str) -> dict[str, Any]:
    found = os.lstat(path)
    kind = "file"
    if stat.S_ISLNK(found.st_mode):
        kind = "symlink"
    elif stat.S_ISDIR(found.st_mode):
        kind = "directory"
    return {
        "name": os.path.basename(path.rstrip("/")) or "/",
        "path": path,
        "type": kind,
        "size": found.st_size,
        "mode": stat.S_IMODE(found.st_mode),
        "permissions": stat.filemode(found.st_mode),
        "owner": _name_of(pwd.getpwuid, found.st_uid),
        "group": _name_of(grp.getgrgid, found.st_gid),
        "modified_time": found.st_mtime,
        "symlink_target": os.readlink(path) if kind == "symlink" else None,
    }


def _name_of(lookup: Any, number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


_OPERATIONS = {
    "ReadFile": _read_file,
    "WriteFile": _write_file,
    "ListFiles": _list_files,
    "MakeDirectory": _make_directory,
    "Remove": _remove,
    "Stat": _stat,
}
