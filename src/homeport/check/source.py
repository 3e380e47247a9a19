"""Reads Python files as Python would, whatever is in them: never raises, `Module.error` tells why."""

import ast
import gc
import io
import os
import re
import stat
import tokenize
import warnings
from dataclasses import replace
from pathlib import Path

from homeport.check.facts import Module

LARGEST_BYTES = 4_000_000  # larger ones are data in the shape of Python, and take seconds to parse

# what a Python newer than the oldest that this runs on may accept: generics and `type X = ...` (3.12),
# f-strings with quotes inside (3.12), `except A, B:` and t-strings (3.14), lazy imports (3.15)
NEWER_SYNTAX = re.compile(
    r"""^\s*type\s+\w+.*=|^\s*(?:async\s+)?(?:def|class)\s+\w+\s*\[|\b[rR]?[fF][rR]?["']|\b[rR]?[tT][rR]?["']"""
    r"""|^\s*except\*?\s+[\w.]+\s*,|^\s*lazy\s+(?:import|from)\b""",
    re.MULTILINE,
)


class Sources:
    """The files of one app that were read, each once. Those of another app that `known` has are not read
    again; what they are imported as is their own in each.
    """

    def __init__(self, known: "Sources | None" = None) -> None:
        self._modules: dict[str, Module] = {}
        self._parsed: dict[str, Module] = {} if known is None else known._parsed

    def read(self, path: Path, name: str = "") -> Module:
        """The file as a module; `name` is what it is imported as, by default the file's own.

        A second call gives the same Module, whatever it asks it to be named.
        """
        key = os.path.abspath(path)  # noqa: PTH100 (does not touch the disk, and takes half the time)
        module = self._modules.get(key)
        if module is None:
            module = self._modules[key] = self._named(key, name or own_name(path))
        return module

    def _named(self, key: str, name: str) -> Module:
        parsed = self._parsed.get(key)
        if parsed is None:
            parsed = self._parsed[key] = read(Path(key), name)
        return parsed if parsed.name == name else replace(parsed, name=name)

    def modules(self) -> dict[Path, Module]:
        """All that were read until now."""
        return {module.path: module for module in self._modules.values()}


def own_name(path: Path) -> str:
    return path.parent.name if path.name == "__init__.py" else path.name.removesuffix(".py")


def read(path: Path, name: str) -> Module:
    try:
        content = content_of(path)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Module(path, name, "", nothing(), f"cannot be read: {said}")
    text, error_said = text_of(content)
    if error_said:
        return Module(path, name, text, nothing(), error_said, is_refused=True)
    tree, error_said = parsed(text)
    is_refused = bool(error_said) and not NEWER_SYNTAX.search(text) and "nested too deeply" not in error_said
    return Module(path, name, text, tree, error_said, is_refused)


def content_of(path: Path) -> bytes:
    # not blocking: a named pipe has nobody at its other end
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > LARGEST_BYTES:
            raise ValueError(f"it has {status.st_size / 1e6:.0f} MB, more than any program text has")
        return file.read()


def text_of(content: bytes) -> tuple[str, str]:
    """The text, by its byte order mark or coding line, else UTF-8; and what is wrong with it.

    Where it cannot be decoded, each byte becomes a character, so that its lines can be shown.
    """
    try:
        try:
            text = content.decode("ascii")  # nearly all are, and need no look at the coding line
        except UnicodeDecodeError:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
            text = content.decode(encoding)
        else:
            if b"coding" in content[:400]:
                encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
                text = content.decode(encoding)
    except (SyntaxError, LookupError, ValueError) as error:
        return content.decode("latin-1"), f"is not text: {error}"
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        return text, f"line {line}: a NUL byte, which Python refuses"
    return text, ""


def parsed(text: str) -> tuple[ast.Module, str]:
    was_enabled = gc.isenabled()
    gc.disable()  # a tree has no garbage: looking for it takes a third of the time
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text), ""
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        return nothing(), f"{where}{error.msg}"
    except (RecursionError, MemoryError):
        return nothing(), "its expressions are nested too deeply"
    except (ValueError, OverflowError) as error:  # surrogates, numbers of more than 4300 digits
        return nothing(), str(error)
    finally:
        if was_enabled:
            gc.enable()


def nothing() -> ast.Module:
    return ast.Module(body=[], type_ignores=[])
