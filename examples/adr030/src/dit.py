"""`dit` as the record's scripts import it."""

from tiny_cats.dit import count_parameters, tinydit_128

__all__ = ["count_parameters", "tinydit_128"]
