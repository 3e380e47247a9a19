"""Images: the base, Python, the instructions, and the packages with their versions."""

import difflib
from collections.abc import Iterator, Mapping

from homeport.record.diff.differences import Difference, sides, without_ids
from homeport.record.run import Image, Run


def images(before: Run, after: Run) -> Iterator[Difference]:
    """Of the functions that both have; where those share an image, once."""
    seen: set[tuple[str, str]] = set()
    mine, other = _by_function(before), _by_function(after)
    are_several = any(len({image.image_id for image in of.values()}) > 1 for of in (mine, other))
    for tag in [each for each in sorted(mine) if each in other] or [""]:
        pair = mine.get(tag) or _first(before), other.get(tag) or _first(after)
        key = (pair[0].image_id, pair[1].image_id)
        if key not in seen:
            seen.add(key)
            yield from _of(f"{tag}: " if tag and are_several else "", *pair)


def _of(tag: str, before: Image, after: Image) -> Iterator[Difference]:
    if before.base != after.base:
        yield Difference(f"{tag}base", before.base, after.base)
    if before.python != after.python:
        yield Difference(f"{tag}Python", before.python, after.python)
    yield from sides(_named(tag, before.packages), _named(tag, after.packages))
    mine, other = [without_ids(step) for step in before.steps], [without_ids(step) for step in after.steps]
    if mine != other:
        lines = list(difflib.unified_diff(mine, other, n=0, lineterm=""))[2:]
        detail = tuple(line[:100] for line in lines if not line.startswith("@@"))
        yield Difference(f"{tag}instructions", f"{len(mine)}", f"{len(other)}", detail)
    if sorted(map(without_ids, before.notes)) != sorted(map(without_ids, after.notes)):
        yield Difference(f"{tag}built otherwise than asked", "; ".join(before.notes), "; ".join(after.notes))


def _named(tag: str, packages: Mapping[str, str]) -> dict[str, str]:
    return {f"{tag}{name}": version for name, version in packages.items()}


def _by_function(run: Run) -> dict[str, Image]:
    images = {image.image_id: image for image in run.images}
    newest_last = reversed(run.functions)
    return {each.tag: images[each.image_id] for each in newest_last if each.image_id in images}


def _first(run: Run) -> Image:
    return run.images[0] if run.images else Image("")
