"""A data folder made ready: surveyed, divided, and decoded into the cache."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiny_cats.config.schema import Data
from tiny_cats.data.classes import class_names, class_of, read_species
from tiny_cats.data.shards import Store, open_store
from tiny_cats.data.split import TEST, TRAIN, VAL, divide, order_key
from tiny_cats.data.survey import Found, Survey, survey_folder
from tiny_cats.data.synth import make_pictures
from tiny_cats.errors import DataError

CACHE = ".tiny_cats"

Say = Callable[[str], None]


@dataclass(frozen=True)
class View:
    """The pictures of one split, in the order of their paths."""

    classes: tuple[str, ...]
    size: int
    labels_N: NDArray[np.int64]
    groups_N: NDArray[np.int64]  # pictures of the same number look alike
    paths: tuple[str, ...]
    digests: tuple[str, ...]
    _store: Store
    _places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels_N)

    def pictures(self, places: NDArray[np.int64] | Sequence[int] | None = None) -> NDArray[np.uint8]:
        """Pictures by their places here (all where none are named), (B, S, S, 3) uint8 RGB."""
        chosen = self._places if places is None else self._places[np.asarray(places, np.int64)]
        return self._store.read(chosen)

    @property
    def counts(self) -> dict[str, int]:
        counted = np.bincount(self.labels_N, minlength=len(self.classes))
        return dict(zip(self.classes, counted.tolist(), strict=True))


@dataclass(frozen=True)
class Dataset:
    classes: tuple[str, ...]
    size: int  # the side of a stored picture
    train: View
    val: View
    test: View
    left_out: tuple[Found, ...]


def prepare(
    options: Data,
    folder: Path,
    say: Say = lambda words: None,
    *,
    cache: Path | None = None,
    threads: int = 0,
    progress: Callable[[str, int, int], None] = lambda words, done, of: None,
) -> Dataset:
    """Builds or opens the cache of the pictures in `folder / options.root`. Raises DataError.

    `cache`: where the decoded pictures go, if the options do not say; none: `.tiny_cats` beside the pictures.
    `progress` hears what goes on, how many pictures are done, and of how many. `threads` 0: one a core.
    """
    if options.cache:
        cache = Path(options.cache)
    root = folder / options.root
    if options.synthetic:
        name = f"synthetic-{options.synthetic}-{options.side}"
        root = make_pictures(
            (cache or folder) / name, per_class=options.synthetic, size=max(32, options.side)
        )
    cache = cache or root / CACHE
    _check_cache(cache, root)
    looked = survey_folder(
        root,
        memory=_memory(cache),
        threads=threads,
        announce=lambda done, of: progress("looking at pictures", done, of),
    )
    if looked.bad:
        say(_left_out_words(looked))
    classes = class_names(list(looked.folders), options.labels)
    _check_classes(looked)
    chosen = _limited(looked, options)
    files = {looked.good[i].facts.digest: root / looked.good[i].path for i in chosen}
    store = open_store(
        files,
        options.side,
        cache,
        say=say,
        threads=threads,
        announce=lambda done, of: progress("decoding pictures", done, of),
    )
    species = read_species(root)
    number = {name: place for place, name in enumerate(classes)}
    labels = np.array(
        [number[class_of(looked.good[i].folder, options.labels, species)] for i in chosen], np.int64
    )
    groups = np.array([looked.group[i] for i in chosen], np.int64)
    digests = [looked.good[i].facts.digest for i in chosen]
    split = divide(
        digests,
        groups.tolist(),
        labels.tolist(),
        val_share=options.val_share,
        test_share=options.test_share,
        seed=options.seed,
    )

    def view(name: int) -> View:
        here = np.flatnonzero(split == name)
        of_view = [digests[i] for i in here]
        paths = tuple(looked.good[chosen[i]].path for i in here)
        return View(
            *(classes, options.side, labels[here], groups[here]),
            *(paths, tuple(of_view), store, store.places(of_view)),
        )

    return Dataset(classes, options.side, view(TRAIN), view(VAL), view(TEST), looked.bad)


def _check_cache(cache: Path, root: Path) -> None:
    cache, root = cache.absolute(), root.absolute()
    if cache == root or (cache.is_relative_to(root) and not cache.relative_to(root).parts[0].startswith(".")):
        raise DataError(f"the cache {cache} lies among the pictures: name a folder elsewhere by data.cache")


def _memory(cache: Path) -> Path:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the cache {cache} cannot be made ({error.strerror}): name another folder by data.cache"
        ) from None
    return cache / "known.json"


def _check_classes(looked: Survey) -> None:
    if empty := [folder for folder, count in looked.counts.items() if not count]:
        raise DataError(
            f"{looked.root / empty[0]} has no picture that can be used: put some in, or remove the folder "
            f"(`python -m tiny_cats data check {looked.root}` says why)"
        )
    if len(looked.good) < 2:
        raise DataError(f"{looked.root} has one picture: two are the least that anything can be learnt from")


def _limited(looked: Survey, options: Data) -> list[int]:
    """Places of the pictures to use: all, or `limit_images` of them, the classes in turn."""
    everything = list(range(len(looked.good)))
    if not options.limit_images or options.limit_images >= len(everything):
        return everything
    by_class: dict[str, list[int]] = {}
    for place in everything:
        by_class.setdefault(class_of(looked.good[place].folder, options.labels, {}), []).append(place)
    ranked = []
    for places in by_class.values():
        places.sort(key=lambda place: order_key(looked.good[place].facts.digest, options.seed))
        ranked += [(rank, place) for rank, place in enumerate(places)]
    return sorted(place for _, place in sorted(ranked)[: options.limit_images])


def _left_out_words(looked: Survey) -> str:
    counted = Counter(found.facts.fault for found in looked.bad)
    kinds = ", ".join(f"{count} {fault}" for fault, count in sorted(counted.items()))
    return (
        f"{len(looked.bad)} of {len(looked.bad) + len(looked.good)} files are left out ({kinds}): "
        f"`python -m tiny_cats data check {looked.root}` lists them"
    )
