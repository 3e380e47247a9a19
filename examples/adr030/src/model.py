"""`model` as the record's scripts import it."""

from tiny_cats.model import cats_model

__all__ = ["cats_model"]
