"""Any folder, or tar archive, of pictures as a data folder: copies, one folder a class.

Copies, not links: a data folder is put on a Volume, and must not change when its source does.
"""

import os
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from tiny_cats.data.classes import class_in_name
from tiny_cats.data.decode import is_picture
from tiny_cats.data.folders import whole_folder
from tiny_cats.data.survey import Announce
from tiny_cats.errors import DataError

By = Literal["folders", "names"]

Open = Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class Imported:
    folder: Path
    counts: dict[str, int]  # pictures by class
    skipped: tuple[str, ...]  # files that are no pictures


def import_pictures(
    source: Path,
    target: Path,
    *,
    by: By | None = None,
    class_name: str = "",
    announce: Announce = lambda done, of: None,
) -> Imported:
    """Copies the pictures of `source` into `target`. Raises DataError; `target` appears whole or not at all.

    `by`: a picture's class is its outermost folder, or what is before the number in its name, as in
    `Abyssinian_1.jpg`; neither: folders where there are some. `class_name`: the one class of all.
    """
    if target.absolute().is_relative_to(source.absolute()):
        raise DataError(f"{target} lies in {source} itself: name a folder elsewhere")
    with _listed(source) as files:
        pictures = [(path, open_) for path, open_ in files if _is_picture(open_, path)]
        skipped = sorted({path for path, _ in files} - {path for path, _ in pictures})
        if not pictures:
            raise DataError(f"{source} has no pictures ({len(files)} files were looked at): name another")
        class_of = _rule(source, [path for path, _ in pictures], by, class_name)
        counts: Counter[str] = Counter()
        with whole_folder(target) as folder:
            for done, (path, open_) in enumerate(pictures, start=1):
                name, rest = class_of(path)
                _copy(open_, folder / name / rest)
                counts[name] += 1
                announce(done, len(pictures))
    return Imported(target, dict(sorted(counts.items())), tuple(skipped))


def _rule(
    source: Path, paths: Sequence[str], by: By | None, class_name: str
) -> Callable[[str], tuple[str, str]]:
    """What says a picture's class and its path within it."""
    if class_name:
        return lambda path: (class_name, path)
    loose = [path for path in paths if "/" not in path]
    unnamed = [path for path in paths if class_in_name(PurePosixPath(path).stem) is None]
    if by == "folders" or (by is None and not loose):
        if loose:
            raise DataError(
                f"{source / loose[0]} lies in no class folder: put it into one, or say --classes names"
            )
        return lambda path: (path.partition("/")[0], path.partition("/")[2])
    if unnamed:
        raise DataError(
            f"{source / unnamed[0]} has no class: neither a folder nor a name such as Abyssinian_1.jpg; "
            "say --class NAME where all pictures are of one"
        )
    return lambda path: (str(class_in_name(PurePosixPath(path).stem)), path)


@contextmanager
def _listed(source: Path) -> Iterator[list[tuple[str, Open]]]:
    """The files of a folder or an archive: paths with /, and how each is opened. Hidden ones are left out."""
    try:
        if source.is_dir():
            yield sorted(_in_folder(source), key=lambda file: file[0])
        elif source.is_file():
            with tarfile.open(source) as tar:
                # in its own order: going back in a compressed one is to begin again
                yield _without_outer_folder(list(_in_archive(tar)))
        else:
            raise DataError(f"{source} is not there: name a folder of pictures, or a tar archive")
    except tarfile.TarError as error:
        raise DataError(
            f"{source} is no tar archive that can be read ({error}): unpack it, and name the folder"
        ) from None
    except EOFError:
        raise DataError(f"{source} ends early: get it again from where it came") from None


def _in_folder(source: Path) -> Iterator[tuple[str, Open]]:
    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read ({error.strerror}): give its user the right to")

    for at, names, files in os.walk(source, onerror=refuse):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in files:
            path = Path(at) / name
            if not name.startswith(".") and path.is_file():
                yield path.relative_to(source).as_posix(), lambda path=path: path.open("rb")  # type: ignore[misc]


def _in_archive(tar: tarfile.TarFile) -> Iterator[tuple[str, Open]]:
    for member in tar:
        parts = PurePosixPath(member.name).parts
        if member.isfile() and not any(part.startswith(".") and part != ".." for part in parts):
            if ".." in parts or member.name.startswith("/"):
                raise DataError(f"{member.name} leads out of the archive: make it anew with plain paths")
            path = "/".join(parts)
            yield path, lambda member=member: tar.extractfile(member)  # type: ignore[misc]


def _without_outer_folder(files: list[tuple[str, Open]]) -> list[tuple[str, Open]]:
    """An archive's paths without the one folder that all lie in, where there is one with folders in it."""
    outer = {path.partition("/")[0] for path, _ in files}
    if len(outer) == 1 and all(path.count("/") >= 2 for path, _ in files):
        return [(path.partition("/")[2], open_) for path, open_ in files]
    return files


def _is_picture(open_: Open, path: str) -> bool:
    try:
        with open_() as file:
            return is_picture(file.read(32))
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}): give its user the right to"
        ) from None


def _copy(open_: Open, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_() as content, target.open("wb") as out:
        shutil.copyfileobj(content, out, 1 << 20)
