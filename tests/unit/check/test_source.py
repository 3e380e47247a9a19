"""Files are read as Python reads them, and whatever is in them, nothing is raised."""

import os
import sys
import sysconfig
from pathlib import Path

import pytest

from homeport.check.source import LARGEST_BYTES, Sources


def read(folder: Path, content: bytes | str) -> tuple[str, int, bool]:
    """What is wrong with it, how many statements it has, whether no Python takes it."""
    file = folder / "app.py"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    module = Sources().read(file)
    return module.error, len(module.tree.body), module.is_refused


@pytest.mark.parametrize(
    "content",
    [
        "name = 'Büsi'\n",
        b"\xef\xbb\xbfname = 'B\xc3\xbcsi'\n",
        b"# -*- coding: latin-1 -*-\nname = 'B\xfcsi'\n",
        b"#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\nname = '\x80'\n",
        b"name = 1\r\n",
        b"name = 1\r",
        b"\x0cname = 1\n",
        "pattern = '\\d'\n",  # a warning only
        "name = 1",
    ],
)
def test_any_encoding(tmp_path: Path, content: bytes | str) -> None:
    assert read(tmp_path, content) == ("", 1, False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name = 'B\xfcsi'\n", "is not text"),
        (b"# coding: utf-8\nname = 'B\xfcsi'\n", "is not text"),
        (b"# coding: klingon\nname = 1\n", "unknown encoding"),
        (b"# coding: rot13\nname = 1\n", "not a text encoding"),
        (b"name = 1\n\0\n", "line 2: a NUL byte"),
        ("name = (\n", "line 1: '(' was never closed"),
        ("  name = 1\n", "line 1: unexpected indent"),
        ("print 'hello'\n", "line 1: Missing parentheses"),
    ],
)
def test_what_no_python_takes(tmp_path: Path, content: bytes | str, said: str) -> None:
    error, statements, is_refused = read(tmp_path, content)
    assert said in error and statements == 0 and is_refused


@pytest.mark.parametrize(
    "content",
    ["try: ...\nexcept OSError, ValueError: ...\n", "name = t'{1}'\n", "lazy import json\n"],
)
def test_newer_syntax_is_not_called_wrong(tmp_path: Path, content: str) -> None:
    error, _, is_refused = read(tmp_path, content)
    assert not is_refused
    assert error or sys.version_info >= (3, 14)


def test_depth(tmp_path: Path) -> None:
    for content in ("(" * 5000 + ")" * 5000, "x = " + "-" * 100_000 + "1", "a" + ".b" * 50_000):
        assert read(tmp_path, content)[:2] != ("", 0)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    (tmp_path / "huge.py").touch()
    os.truncate(tmp_path / "huge.py", LARGEST_BYTES + 1)
    sources = Sources()
    for name in ("missing.py", "pipe.py", "loop.py", "huge.py", "", "nul\0.py"):
        module = sources.read(tmp_path / name)
        assert module.error.startswith("cannot be read: ") and not module.is_refused


def test_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    sources = Sources()
    module = sources.read(tmp_path / "app.py", "pkg.app")
    (tmp_path / "app.py").unlink()
    assert sources.read(tmp_path / "app.py") is module
    assert sources.modules() == {tmp_path / "app.py": module}


def test_standard_library_parses() -> None:
    folder = Path(sysconfig.get_path("stdlib"))
    sources = Sources()
    wrong = {file.name: error for file in folder.glob("*.py") if (error := sources.read(file).error)}
    assert len(sources.modules()) > 100 and wrong == {}
