"""Paths inside a volume, as clients write them: with or without a leading slash, never climbing out."""

from homeport.model.errors import InvalidError

_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 4095


def split_volume_path(path: str) -> tuple[str, ...]:
    """The path's names from the volume's top; empty for the top itself.

    Raises InvalidError for `..`, a NUL, or a name longer than a file system takes.
    """
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise InvalidError(
            f"The path {path!r} holds '..', which a path in a volume may not. Name the place itself."
        )
    if "\0" in path:
        raise InvalidError(f"The path {path!r} holds a NUL character, which no file's name can.")
    encoded = [len(part.encode("utf-8", "surrogateescape")) for part in parts]
    if any(length > _MAX_NAME_BYTES for length in encoded) or sum(encoded) + len(encoded) > _MAX_PATH_BYTES:
        raise InvalidError(
            f"The path {path[:80]!r}… is too long: a name holds {_MAX_NAME_BYTES} bytes, a path "
            f"{_MAX_PATH_BYTES}."
        )
    return parts
