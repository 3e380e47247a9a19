"""What a data folder holds: each file's digest, format, faults and perceptual hash; groups of like pictures.

A data folder has one folder a class. What was found out about a file is remembered by its path, size and time
of change, and by its digest, so that only new files are read again.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tiny_cats.data.decode import Fault, Note, PictureError, decode, read_picture
from tiny_cats.data.duplicates import groups_of, perceptual_hash
from tiny_cats.data.folders import disk_error
from tiny_cats.data.threads import in_threads
from tiny_cats.errors import DataError
from training_kit.files import write_text

VERSION = 3  # of what examine finds; another number reads all files again
HASHED_SIDE = 64
WRITTEN_AFTER = 250  # files at least: what a kill costs
NAMED_AS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    ".png": "PNG",
    ".gif": "GIF",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}

Stamp = tuple[int, int]  # a file's size, and when it was changed, in ns
Announce = Callable[[int, int], None]
"""Hears (done, of)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file's bytes are. `fault`: "" where they are a picture that can be used."""

    digest: str
    fault: str = ""
    detail: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    notes: tuple[str, ...] = ()
    hash: str = ""
    mirrored: str = ""  # the hash of its mirror image


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the data folder. `path` is relative to it, with /."""

    path: str
    folder: str
    facts: Facts

    @property
    def notes(self) -> tuple[str, ...]:
        named = NAMED_AS.get(Path(self.path).suffix.lower(), self.facts.format)
        return (*((Note.OTHER_FORMAT,) if named != self.facts.format else ()), *self.facts.notes)


@dataclass(frozen=True, slots=True)
class Survey:
    """`good` files can be used, `bad` ones are left out; `group[i]`: place of the first like `good[i]`."""

    root: Path
    folders: tuple[str, ...]
    good: tuple[Found, ...]
    bad: tuple[Found, ...]
    group: tuple[int, ...]

    @property
    def counts(self) -> dict[str, int]:
        counted = Counter(found.folder for found in self.good)
        return {folder: counted[folder] for folder in self.folders}

    @property
    def exact(self) -> list[list[str]]:
        """Paths of the same bytes."""
        by_digest: dict[str, list[str]] = {}
        for found in self.good:
            by_digest.setdefault(found.facts.digest, []).append(found.path)
        return [paths for paths in by_digest.values() if len(paths) > 1]

    @property
    def near(self) -> list[list[str]]:
        """Paths of pictures that look alike and are not all the same bytes."""
        members: dict[int, list[Found]] = {}
        for found, group in zip(self.good, self.group, strict=True):
            members.setdefault(group, []).append(found)
        return [
            [found.path for found in group]
            for group in members.values()
            if len({found.facts.digest for found in group}) > 1
        ]


def survey_folder(
    root: Path,
    *,
    memory: Path | None = None,
    reread: bool = False,
    threads: int = 0,
    announce: Announce = lambda done, of: None,
) -> Survey:
    """Reads every file below `root`'s class folders. `memory`: a file of what is known, read and written.

    Raises DataError where there is no class folder, or one that cannot be read.
    """
    files = list(list_files(root))
    folders = class_folders(root)
    loose = _loose(root)
    known = _Memory(memory)
    facts = {} if reread else {path: fact for path in files if (fact := known.recall(root, path))}
    new = [path for path in files if path not in facts]
    done = len(facts)
    announce(done, len(files))
    examined = in_threads(lambda path: _examine_file(root / path), new, threads)
    try:
        for path, (fact, stamp) in zip(new, examined, strict=True):
            facts[path] = fact
            known.learn(path, stamp, fact)
            done += 1
            announce(done, len(files))
    finally:
        known.write()
    found = [Found(path, path.partition("/")[0], facts[path]) for path in files]
    good, bad = _divide(found)
    bad = [*loose, *bad]
    group = groups_of([f.facts.hash for f in good], [f.facts.mirrored for f in good])
    return Survey(root, folders, tuple(good), tuple(bad), tuple(group.tolist()))


def list_files(root: Path) -> Iterator[str]:
    """Paths of all files below the class folders, sorted, hidden ones left out. Raises DataError."""
    for folder in class_folders(root):
        yield from sorted(_below(root, folder))


def class_folders(root: Path) -> tuple[str, ...]:
    try:
        folders = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    except FileNotFoundError:
        raise DataError(
            f"{root} is not there: bring pictures with `python -m tiny_cats data fetch`, `import` or `synth`"
        ) from None
    except OSError as error:
        raise DataError(
            f"{root} cannot be read ({error.strerror}): give its user the right to, or name another"
        ) from None
    if not folders:
        raise DataError(
            f"{root} has no class folders: `python -m tiny_cats data import {root} TARGET` makes them of it"
        )
    return tuple(folders)


def _loose(root: Path) -> list[Found]:
    """Pictures that lie beside the class folders. Other files there are none of ours."""
    found = []
    for path in sorted(root.iterdir()):
        if path.is_file() and not path.name.startswith(".") and path.suffix.lower() in NAMED_AS:
            words = "it lies in no class folder: move it into one"
            found.append(Found(path.name, "", Facts("", Fault.NO_CLASS.value, words)))
    return found


def _below(root: Path, folder: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise DataError(
            f"{error.filename} cannot be read ({error.strerror}): give its user the right to, or take it away"
        )

    for at, names, files in os.walk(root / folder, onerror=refuse):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                yield (Path(at) / name).relative_to(root).as_posix()


def examine(data: bytes) -> Facts:
    """What the bytes of a file are."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        picture = decode(data, HASHED_SIDE)
    except PictureError as error:
        return Facts(digest, error.fault.value, error.detail)
    return Facts(
        digest,
        format=picture.format,
        width=picture.width,
        height=picture.height,
        notes=tuple(note.value for note in picture.notes),
        hash=perceptual_hash(picture.pixels_HWC),
        mirrored=perceptual_hash(picture.pixels_HWC[:, ::-1]),
    )


def _examine_file(path: Path) -> tuple[Facts, Stamp]:
    """What a file is, and its stamp from before it was read: if it changes meanwhile, it is read again."""
    try:
        stamp = _stamp(path)
        return examine(read_picture(path)), stamp
    except PictureError as error:  # not worth a digest: the next look costs as little
        return Facts("", error.fault.value, error.detail), (0, 0)
    except OSError as error:
        return Facts("", Fault.UNREADABLE.value, error.strerror or str(error)), (0, 0)


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _divide(found: list[Found]) -> tuple[list[Found], list[Found]]:
    """Files to use, and those left out; the same bytes under two classes are left out under both."""
    classes: dict[str, set[str]] = {}
    for file in found:
        classes.setdefault(file.facts.digest, set()).add(file.folder)
    good, bad = [], []
    for file in found:
        others = sorted(classes[file.facts.digest] - {file.folder})
        if file.facts.fault:
            bad.append(file)
        elif others:
            words = f"the same picture is under {', '.join(others)} too: remove the wrong one"
            bad.append(
                Found(file.path, file.folder, Facts(file.facts.digest, Fault.TWO_CLASSES.value, words))
            )
        else:
            good.append(file)
    return good, bad


@dataclass(slots=True)
class _Memory:
    """Facts by digest, digests by path, size and time of change; none where the file is missing or odd."""

    path: Path | None
    unwritten: int = 0
    files: dict[str, list[int | str]] = field(default_factory=dict)
    facts: dict[str, dict[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            content = json.loads(self.path.read_bytes()) if self.path else {}
            if content["version"] == VERSION:
                self.files, self.facts = dict(content["files"]), dict(content["facts"])
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def recall(self, root: Path, path: str) -> Facts | None:
        try:
            size, mtime_ns, digest = self.files[path]
            if (size, mtime_ns) != _stamp(root / path):
                return None
            return _facts(self.facts[str(digest)])
        except (KeyError, ValueError, TypeError, OSError):
            return None

    def learn(self, path: str, stamp: Stamp, facts: Facts) -> None:
        if facts.digest:
            self.files[path] = [*stamp, facts.digest]
            self.facts[facts.digest] = asdict(facts)
            self.unwritten += 1
            if self.unwritten >= max(WRITTEN_AFTER, len(self.files) // 4):
                self.write()

    def write(self) -> None:
        if self.path and self.unwritten:
            self.unwritten = 0
            content = {"version": VERSION, "files": self.files, "facts": self.facts}
            try:
                write_text(self.path, json.dumps(content))
            except OSError as error:
                raise disk_error(error, self.path) from None


def _facts(raw: dict[str, object]) -> Facts:
    notes = raw["notes"]
    assert isinstance(notes, (list, tuple))
    return Facts(**{**raw, "notes": tuple(notes)})  # type: ignore[arg-type]
