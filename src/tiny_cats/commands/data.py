"""`data`: fetch, import, check or draw the pictures."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tiny_cats.errors import DataError

if TYPE_CHECKING:
    from tiny_cats.data.survey import Announce, Survey

FOLDER = click.Path(path_type=Path, file_okay=False)
PETS = Path("data/pets")  # what configs/*.yaml name, below the default of --data
SHOWN = 20  # of a list; --format json has all
as_json = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


@click.group()
def command() -> None:
    """Pictures: fetch Oxford-IIIT Pet, import a folder, check what is there, or draw some.

    A data folder has one folder a class, and any pictures in it.

    \b
    Examples:
      python -m tiny_cats data fetch
      python -m tiny_cats data check
      modal volume put tiny-cats-data data/pets /pets
    """


@command.command()
@click.argument("folder", metavar="[DIR]", type=FOLDER, default=PETS)
@click.option("--from", "address", metavar="URL", default="", help="A mirror: where images.tar.gz lies.")
@as_json
def fetch(folder: Path, address: str, form: str) -> None:
    """Download Oxford-IIIT Pet (0.8 GB) into DIR, data/pets where none is named.

    12 breeds of cats and 25 of dogs, about 200 pictures each.

    Both archives are checked by their digests, and DIR appears only when it is complete. The same command
    goes on where an interrupted one stopped.

    \b
    Examples:
      python -m tiny_cats data fetch
      modal volume put tiny-cats-data data/pets /pets
    """
    from tiny_cats.data.oxford import ADDRESS, LICENCE, fetch_pets
    from training_kit.fetch.progress import Shown

    if address and not address.startswith(("http://", "https://")):
        raise click.UsageError("--from takes an address that begins with https:// or http://")
    with Shown() as shown:
        done = fetch_pets(folder, shown, address=address or ADDRESS)
    species = Counter(done.breeds.values())
    if form == "json":
        click.echo(
            json.dumps({"folder": str(folder), "pictures": done.pictures, "breeds": done.breeds}, indent=1)
        )
        return
    click.echo(
        f"{_count(done.pictures, 'picture')} of {_count(len(done.breeds), 'breed')}, "
        f"{species['cat']} of cats and {species['dog']} of dogs: {folder}"
    )
    click.echo(f"Oxford-IIIT Pet (Parkhi and others, 2012), {LICENCE}: cite it where you use it")
    _say_next(folder)


@command.command("import")
@click.argument("source", metavar="SOURCE", type=click.Path(path_type=Path))
@click.argument("folder", metavar="[DIR]", type=FOLDER, required=False)
@click.option(
    "--classes",
    "by",
    type=click.Choice(["folders", "names"]),
    help="What says a picture's class: its folder, or its name (Maine_Coon_12.jpg). [default: what fits]",
)
@click.option("--class", "class_name", metavar="NAME", default="", help="All pictures are of this one class.")
@as_json
def import_(
    source: Path, folder: Path | None, by: Literal["folders", "names"] | None, class_name: str, form: str
) -> None:
    """Copy the pictures of a folder, or of a tar archive, into DIR, one folder a class.

    Where DIR is not named, it is data/ and the name of SOURCE.

    Pictures are told by their content; other files are skipped and named. DIR appears only when complete.

    \b
    Examples:
      python -m tiny_cats data import Downloads/pets
      python -m tiny_cats data import images/ data/pets --classes names
      python -m tiny_cats data import faces.tar data/faces --class cat
    """
    from tiny_cats.data.importing import import_pictures

    if by and class_name:
        raise click.UsageError("--classes and --class exclude each other: say one of the two")
    if class_name and (class_name.startswith(".") or "/" in class_name):
        raise click.UsageError(f"--class {class_name} cannot be a folder's name")
    folder = folder or PETS.parent / source.absolute().name.partition(".")[0]
    with _counting("copying pictures") as announce:
        done = import_pictures(source, folder, by=by, class_name=class_name, announce=announce)
    if form == "json":
        facts = {"folder": str(folder), "counts": done.counts, "skipped": done.skipped}
        click.echo(json.dumps(facts, indent=1))
        return
    click.echo(
        f"{_count(sum(done.counts.values()), 'picture')} of {_count(len(done.counts), 'class')}: {folder}"
    )
    if done.skipped:
        click.echo(f"skipped, since they are no pictures: {_count(len(done.skipped), 'file')}")
        _list(done.skipped)
    _say_next(folder)


@command.command()
@click.argument("folder", metavar="[DIR]", type=FOLDER, default=PETS)
@as_json
def check(folder: Path, form: str) -> int:
    """Read every file of a data folder (data/pets) and say what is in it, and what is wrong with it.

    Files that cannot be used are listed with the reason; training leaves them out. Pictures that are alike
    are kept on one side of every split. Exit status 1 where a class has no picture that can be used.

    \b
    Examples:
      python -m tiny_cats data check
      python -m tiny_cats data check data/pets --format json | jq .left_out
    """
    from tiny_cats.data.survey import survey_folder

    with _counting("reading pictures") as announce:
        survey = survey_folder(folder, announce=announce)
    empty = [name for name, count in survey.counts.items() if not count]
    if form == "json":
        click.echo(json.dumps(_facts(survey), indent=1))
    else:
        _print(survey)
    if empty:
        names = ", ".join(empty)
        raise DataError(f"no picture of {names} can be used: put some in, or remove the folder")
    return 0


@command.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--per-class", type=click.IntRange(1), default=24, show_default=True, help="Pictures of each class."
)
@click.option("--size", type=click.IntRange(32, 1024), default=96, show_default=True, help="Pixels a side.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another: other pictures.")
@click.option("--dirt", is_flag=True, help="Also what real folders have: copies, damage, odd formats.")
@as_json
def synth(folder: Path, per_class: int, size: int, seed: int, dirt: bool, form: str) -> None:
    """Draw faces of cats in four coats, and of dogs as "other": for smoke runs, without a download.

    \b
    Examples:
      python -m tiny_cats data synth data/drawn
      python -m tiny_cats data synth data/dirty --dirt && python -m tiny_cats data check data/dirty
    """
    from tiny_cats.data.synth import COATS, make_pictures

    make_pictures(folder, per_class=per_class, size=size, seed=seed, dirt=dirt)
    if form == "json":
        click.echo(json.dumps({"folder": str(folder), "counts": dict.fromkeys(COATS, per_class)}, indent=1))
        return
    click.echo(f"{_count(per_class * len(COATS), 'picture')} of {_count(len(COATS), 'class')}: {folder}")
    _say_next(folder)


@contextmanager
def _counting(words: str) -> "Iterator[Announce]":
    """Shows how many are done, on a terminal."""
    from training_kit.fetch.progress import Shown

    with Shown() as shown:
        at = 0

        def announce(done: int, of: int) -> None:
            nonlocal at
            if not at:
                shown.begin(words, of)
            shown.advance(done - at)
            at = done

        yield announce


def _facts(survey: "Survey") -> dict[str, object]:
    return {
        "folder": str(survey.root),
        "files": len(survey.good) + len(survey.bad),
        "counts": survey.counts,
        "formats": dict(Counter(found.facts.format for found in survey.good)),
        "notes": {
            note: [found.path for found in survey.good if note in found.notes]
            for note in sorted({note for found in survey.good for note in found.notes})
        },
        "left_out": [
            {"path": found.path, "fault": found.facts.fault, "detail": found.facts.detail}
            for found in survey.bad
        ],
        "exact_copies": survey.exact,
        "alike": survey.near,
    }


def _print(survey: "Survey") -> None:
    click.echo(
        f"{survey.root}: {_count(len(survey.good), 'picture')} to use, "
        f"{_count(len(survey.bad), 'file')} left out"
    )
    for name, count in survey.counts.items():
        click.echo(f"  {count:6,}  {name}")
    formats = Counter(found.facts.format for found in survey.good)
    if formats:
        click.echo("formats, by content: " + ", ".join(f"{n:,} {name}" for name, n in formats.most_common()))
    notes = Counter(note for found in survey.good for note in found.notes)
    if notes:
        click.echo("seen to: " + ", ".join(f"{n} {note}" for note, n in notes.most_common()))
    if survey.exact:
        click.echo(f"there more than once, byte for byte: {_count(len(survey.exact), 'picture')}")
        _list([" = ".join(paths) for paths in survey.exact])
    if survey.near:
        click.echo(f"alike, and on one side of every split: {_count(len(survey.near), 'group')}")
        _list([", ".join(paths) for paths in survey.near])
    if survey.bad:
        click.echo("left out:")
        _list([f"{found.path}: {found.facts.fault}: {found.facts.detail}" for found in survey.bad])


def _list(lines: "list[str] | tuple[str, ...]") -> None:
    for line in lines[:SHOWN]:
        click.echo(f"  {_printable(line)}")
    if len(lines) > SHOWN:
        click.echo(f"  … and {len(lines) - SHOWN:,} more: --format json lists all")


def _printable(words: str) -> str:
    """Names as they are, but for characters that would move a terminal's cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in words)


def _count(number: int, noun: str) -> str:
    """`1 class`, `2,000 pictures`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def _say_next(folder: Path) -> None:
    click.echo("Next:")
    click.echo(f"  python -m tiny_cats data check {folder}")
