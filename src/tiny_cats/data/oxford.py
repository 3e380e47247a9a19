"""Oxford-IIIT Pet: 37 breeds, about 200 pictures each, from its public address.

The two archives are downloaded beside the data folder and checked by their digests; the folder appears when
all pictures lie in it, one folder a breed. Which breeds are cats is what the annotations say.
"""

import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tiny_cats.data.classes import SPECIES, class_in_name
from tiny_cats.data.folders import disk_error, finish, working_folder
from tiny_cats.errors import DataError
from training_kit.errors import FetchError
from training_kit.fetch import Observer, fetch, plan_fetch
from training_kit.files import write_text

ADDRESS = "https://www.robots.ox.ac.uk/~vgg/data/pets/data/"
IMAGES, ANNOTATIONS = "images.tar.gz", "annotations.tar.gz"
DIGESTS = {  # as TensorFlow Datasets records them
    IMAGES: "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
    ANNOTATIONS: "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
}
LIST = "annotations/list.txt"
LICENCE = "Creative Commons Attribution-ShareAlike 4.0"
_SPECIES = {"1": "cat", "2": "dog"}  # of list.txt's third column


@dataclass(frozen=True, slots=True)
class Fetched:
    folder: Path
    pictures: int
    breeds: dict[str, str]  # species by breed


def fetch_pets(
    folder: Path,
    observer: Observer,
    *,
    address: str = ADDRESS,
    digests: dict[str, str] | None = None,
    pause_s: float = 1.0,
) -> Fetched:
    """Downloads and lays out the pictures. What an interrupted fetch brought is kept, and gone on with.

    Raises DataError or FetchError; `folder` appears complete or not at all.
    """
    with working_folder(folder) as work:
        archives = work / "archives"
        plan = plan_fetch(
            address, archives, digests or DIGESTS, parallel=2, observer=observer, pause_s=pause_s
        )
        # what is unpacked is about as large as the archives, whose pictures are compressed already
        if plan.needed_bytes + plan.total_bytes > plan.free_bytes:
            raise DataError(
                f"the pictures need {(plan.needed_bytes + plan.total_bytes) / 1e9:.2f} GB and the disk of "
                f"{folder} has {plan.free_bytes / 1e9:.2f} GB: make room, or name another folder"
            )
        report = fetch(plan, parallel=2, observer=observer, pause_s=pause_s)
        if report.failed:
            raise FetchError(next(iter(report.failed.values())))
        pictures = work / "pictures"
        shutil.rmtree(pictures, ignore_errors=True)  # of a killed process
        try:
            species = _read_species(archives / ANNOTATIONS)
            count = _lay_out(archives / IMAGES, pictures, species, observer)
        except tarfile.TarError as error:
            raise DataError(f"an archive cannot be unpacked ({error}): is the address right?") from None
        except OSError as error:
            raise disk_error(error, folder) from None
        finish(pictures, folder)
        shutil.rmtree(work, ignore_errors=True)
    return Fetched(folder, count, species)


def _read_species(archive: Path) -> dict[str, str]:
    """Cat or dog by breed, from the annotations' list: name, class, species and breed in a line."""
    with tarfile.open(archive) as tar:
        try:
            file = tar.extractfile(LIST)
        except KeyError:
            file = None
        if file is None:
            raise DataError(f"{archive.name} has no {LIST}: is the address right?")
        lines = file.read().decode(errors="replace").splitlines()
    species: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, *columns = line.split()
        breed = class_in_name(name)
        if breed is None or len(columns) < 2 or columns[1] not in _SPECIES:
            raise DataError(f"{LIST}, line {number}, is no name, class and species: {line[:60]!r}")
        species[breed] = _SPECIES[columns[1]]
    return species


def _lay_out(archive: Path, target: Path, species: dict[str, str], observer: Observer) -> int:
    """Unpacks the pictures into one folder a breed; returns how many. Members' own paths are not followed."""
    count = 0
    with tarfile.open(archive) as tar:
        observer.begin("unpacking", 200 * len(species))  # about; an archive does not say
        for breed in species:
            (target / breed).mkdir(parents=True)
        for member in tar:
            name = PurePosixPath(member.name)
            of_name = class_in_name(name.stem)
            if not member.isfile() or name.suffix.lower() != ".jpg" or of_name is None:
                continue
            if of_name not in species:
                raise DataError(f"{name} is of no breed that {LIST} names: is the address right?")
            content = tar.extractfile(member)
            assert content is not None
            with (target / of_name / name.name).open("wb") as out:
                shutil.copyfileobj(content, out, 1 << 20)
            count += 1
            observer.advance(1)
    write_text(target / SPECIES, json.dumps(species, indent=1))
    return count
