"""An order of names that looks like chance and is the same everywhere."""

import hashlib


def stable_order(name: str) -> bytes:
    """A key that shuffles names: those of a corpus stand in the order of collection, which is not neutral."""
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
