"""A data folder made ready: surveyed, divided, and decoded into the cache."""

import hashlib
import os
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
from tiny_cats.data.survey import Found, Survey, class_folders, survey_folder
from tiny_cats.data.synth import make_pictures
from tiny_cats.errors import DataError

CACHE = ".tiny_cats"

Say = Callable[[str], None]
Places = NDArray[np.int64] | Sequence[int] | None
Used = tuple[Found, int]  # a picture, and the number of its group


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

    def planes(self, places: Places = None) -> NDArray[np.uint8]:
        """Pictures by their places here (all where none are named), (B, 3, S, S) uint8 RGB: for models."""
        chosen = self._places if places is None else self._places[np.asarray(places, np.int64)]
        return self._store.read(chosen)

    def pictures(self, places: Places = None) -> NDArray[np.uint8]:
        """The same as (B, S, S, 3): what is looked at."""
        return np.ascontiguousarray(self.planes(places).transpose(0, 2, 3, 1))

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
    root = _drawn(options, cache or folder) if options.synthetic else folder / options.root
    cache = cache or root / CACHE
    _check_cache(cache, root)
    class_folders(root)  # before the cache is made, which would make a folder of pictures of what is none
    looked = survey_folder(
        root,
        memory=_memory(cache, root),
        threads=threads,
        announce=lambda done, of: progress("looking at pictures", done, of),
    )
    if looked.bad:
        say(_left_out_words(looked))
    _check_classes(looked)
    used = _limited(looked, options)
    store = open_store(
        {found.facts.digest: root / found.path for found, _ in used},
        options.side,
        cache,
        say=say,
        threads=threads,
        announce=lambda done, of: progress("decoding pictures", done, of),
    )
    return _divided(options, looked, used, store)


def _divided(options: Data, looked: Survey, used: list[Used], store: Store) -> Dataset:
    classes = class_names(list(looked.folders), options.labels)
    species = read_species(looked.root)
    labels = np.array(
        [classes.index(class_of(found.folder, options.labels, species)) for found, _ in used], np.int64
    )
    groups = np.array([group for _, group in used], np.int64)
    digests = [found.facts.digest for found, _ in used]
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
        paths = tuple(used[i][0].path for i in here)
        of_view = tuple(digests[i] for i in here)
        places = store.places(of_view)
        return View(classes, options.side, labels[here], groups[here], paths, of_view, store, places)

    dataset = Dataset(classes, options.side, view(TRAIN), view(VAL), view(TEST), looked.bad)
    if options.val_share and not len(dataset.val):
        raise DataError(
            f"{looked.root} has too few pictures to set some aside for validation: three different ones of a "
            "class are the least, or data.val_share=0"
        )
    return dataset


def _drawn(options: Data, folder: Path) -> Path:
    """The synthetic pictures that the options ask for, drawn where they are not there yet."""
    assert options.synthetic
    folder = folder / f"synthetic-{options.synthetic}-{options.side}"
    return make_pictures(folder, per_class=options.synthetic, size=max(32, options.side))


def _check_cache(cache: Path, root: Path) -> None:
    cache, root = cache.absolute(), root.absolute()
    if cache == root or (cache.is_relative_to(root) and not cache.relative_to(root).parts[0].startswith(".")):
        raise DataError(f"the cache {cache} lies among the pictures: name a folder elsewhere by data.cache")


def _memory(cache: Path, root: Path) -> Path:
    """Where what is known of `root`'s files is kept: folders that share a cache have one each."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the cache {cache} cannot be made ({error.strerror}): name another folder by data.cache"
        ) from None
    key = hashlib.sha256(os.fsencode(root.absolute())).hexdigest()[:12]
    return cache / f"known-{key}.json"


def _check_classes(looked: Survey) -> None:
    if empty := [folder for folder, count in looked.counts.items() if not count]:
        raise DataError(
            f"{looked.root / empty[0]} has no picture that can be used: put some in, or remove the folder "
            f"(`python -m tiny_cats data check {looked.root}` says why)"
        )
    if len(looked.good) < 2:
        raise DataError(f"{looked.root} has one picture: two are the least that anything can be learnt from")


def _limited(looked: Survey, options: Data) -> list[Used]:
    """The pictures to use and their groups: all, or `limit_images` of them, the folders in turn."""
    used = list(zip(looked.good, looked.group, strict=True))
    if not options.limit_images or options.limit_images >= len(used):
        return used
    ranks: Counter[str] = Counter()
    ranked = []
    for place in sorted(range(len(used)), key=lambda i: order_key(used[i][0].facts.digest, options.seed)):
        folder = used[place][0].folder
        ranked.append((ranks[folder], folder, place))
        ranks[folder] += 1
    return [used[place] for place in sorted(place for *_, place in sorted(ranked)[: options.limit_images])]


def _left_out_words(looked: Survey) -> str:
    counted = Counter(found.facts.fault for found in looked.bad)
    kinds = ", ".join(f"{count} {fault}" for fault, count in sorted(counted.items()))
    return (
        f"{len(looked.bad)} of {len(looked.bad) + len(looked.good)} files are left out ({kinds}): "
        f"`python -m tiny_cats data check {looked.root}` lists them"
    )
