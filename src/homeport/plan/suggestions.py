"""Which names somebody may have meant who typed another one."""

from collections.abc import Iterable
from typing import Final

_SIMILAR: Final = 0.6
_MOST_COMPARED: Final = 5_000


def nearest(typed: str, names: Iterable[str], limit: int) -> list[str]:
    """Up to `limit` of `names`, the most similar first; case and `_` against `-` make no difference."""
    import difflib  # where a name was mistyped, and nowhere else

    known: dict[str, str] = {}
    for name in list(names)[:_MOST_COMPARED]:
        known.setdefault(_plain(name), name)
    word = _plain(typed)
    found = difflib.get_close_matches(word, known, n=limit, cutoff=_SIMILAR) if limit > 0 else []
    begun = [name for name in known if len(word) >= 3 and name.startswith(word) and name not in found]
    return [known[name] for name in (found + sorted(begun))[:limit]]


def closest(typed: str, names: Iterable[str]) -> str:
    """The one of `names` that is most similar; empty if none is."""
    return next(iter(nearest(typed, names, 1)), "")


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
