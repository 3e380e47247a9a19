"""`dataset` as the record's scripts import it: the loader of the package, and a folder to load from."""

from tiny_cats.data.synth import make_pictures
from tiny_cats.dataset import cats_dataloader

__all__ = ["cats_dataloader", "make_pictures"]
