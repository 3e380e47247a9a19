"""A build's context: the files that COPY takes from, as the client sent them.

They come as a mount's tree and as single files with their content. Names are relative to the context's root;
patterns are those of Docker's COPY.
"""

import fnmatch
import hashlib
import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from homeport.model.errors import InvalidError


@dataclass(frozen=True)
class Context:
    """`tree` is a mount's, with `checksum` of all that is in it; `files` is a folder of the single files."""

    tree: Path | None = None
    checksum: str = ""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    files: Path | None = None
    python: str = ""  # in place of files: release and version of what add_python brings

    def find(self, sources: tuple[str, ...], verb: str = "COPY") -> list[tuple[Path, bool]]:
        """What the sources name: paths outside the container, and whether each is a folder whose content is
        meant. Raises InvalidError for a source that names nothing."""
        found: list[tuple[Path, bool]] = []
        for source in sources:
            matches = [path for root in self._roots() for path in _match(root, _clean(source))]
            if not matches:
                why = (
                    "it lies outside of it, does not exist, or is left out by an ignore pattern."
                    if verb == "COPY"
                    else "the modal client sends only what COPY names. Use COPY."
                )
                raise InvalidError(f"{verb} takes {source!r}, which is not in the build context: {why}")
            found.extend((path, path.is_dir() and not path.is_symlink()) for path in matches)
        return found

    def placed(self, sources: tuple[str, ...], verb: str = "COPY") -> list[tuple[Path, tuple[str, ...]]]:
        """The same as folders, and paths below them. Raises InvalidError."""
        found = [path for path, _ in self.find(sources, verb)]
        roots = self._roots()
        return [
            (root, tuple(str(path.relative_to(root)) for path in found if path.is_relative_to(root)))
            for root in roots
            if any(path.is_relative_to(root) for path in found)
        ]

    def digest(self, sources: tuple[str, ...], verb: str = "COPY") -> str:
        """A hash of what the sources name: names, modes, content. Slow for large files."""
        names = [_clean(source) for source in sources]
        if names == ["."] and self.tree is not None and not self.contents:
            return self.checksum
        digest = hashlib.sha256()
        for path, is_folder in self.find(sources, verb):
            for name, file in sorted(_files(path)) if is_folder else [(path.name, path)]:
                digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
                _add_file(digest, file)
        return digest.hexdigest()

    def _roots(self) -> list[Path]:
        return [root for root in (self.files, self.tree) if root is not None]


def write_context_files(contents: Mapping[str, bytes], folder: Path) -> None:
    """Writes single context files into a folder. Raises InvalidError for a name that leaves it."""
    for name, data in contents.items():
        target = folder / _clean(name)
        if target == folder:
            raise InvalidError(f"{name!r} cannot be the name of a file in a build context.")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o644)


def _clean(source: str) -> str:
    """The source relative to the context's root; `..` cannot leave it."""
    return posixpath.normpath("/" + source).lstrip("/") or "."


def _match(root: Path, source: str) -> Iterator[Path]:
    """Paths below the root that the source names, part by part; a link on the way is not followed."""
    if source == ".":
        yield root
        return
    head, _, rest = source.partition("/")
    entries = sorted(os.listdir(root)) if _is_pattern(head) else [head]  # noqa: PTH208 - names, not paths
    for name in entries:
        if name != head and not fnmatch.fnmatchcase(name, head.replace("[^", "[!")):
            continue
        path = root / name
        if not (path.is_symlink() or path.exists()):
            continue
        if not rest:
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from _match(path, rest)


def _is_pattern(name: str) -> bool:
    return any(character in name for character in "*?[")


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        yield str(path.relative_to(folder)), path


def _add_file(digest: "hashlib._Hash", file: Path) -> None:
    found = file.lstat()
    if file.is_symlink():
        digest.update(b"link " + os.fsencode(file.readlink()) + b"\0")
    elif file.is_dir():
        digest.update(b"folder\0")
    else:
        digest.update(b"file %o %d\0" % (found.st_mode & 0o777, found.st_size))
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
