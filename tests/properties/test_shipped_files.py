"""What the preflight says is shipped is what the client ships: its own matcher and its own mounts are asked.

The client is imported here, as the truth; the preflight never does.
"""

import tempfile
import warnings
from pathlib import Path, PurePosixPath

from hypothesis import given, settings
from hypothesis import strategies as st
from modal.file_pattern_matcher import NON_PYTHON_FILES, FilePatternMatcher
from modal.mount import _Mount

from homeport.check.container.patterns import Ignore
from homeport.check.container.placing import Files, Piece

# pieces that make the edges of the syntax likely
_PIECES = [
    "a",
    "b",
    "ab",
    ".",
    "*",
    "**",
    "/",
    "?",
    "!",
    "[",
    "]",
    "\\",
    ".py",
    "**/",
    "/**",
    " ",
    "+",
    "$",
    "#",
]
patterns = st.lists(st.lists(st.sampled_from(_PIECES), max_size=6).map("".join), max_size=3)
names = st.lists(st.sampled_from(["a", "b", "ab", ".py", "c", "\\", "[", "*"]), min_size=1, max_size=3)
paths = st.lists(names.map("".join), min_size=1, max_size=4).map("/".join)

_PLAIN = ["a", "b.py", "c.txt", "d", ".hidden", "__pycache__", "e.pyc"]
trees = st.sets(st.lists(st.sampled_from(_PLAIN), min_size=1, max_size=3).map("/".join), max_size=8)
usual = st.lists(
    st.sampled_from(["*.py", "**/*.py", "!**/*.py", "a", "**/a", "**/__pycache__", "a/**", "!a/b.py", "**"]),
    max_size=3,
)


def _client(given: list[str], path: str) -> bool | str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return FilePatternMatcher(*given)(Path(path))
    except ValueError:
        return "refused"


def _ours(given: list[str], path: str) -> bool | str:
    try:
        return Ignore(given)(path)
    except ValueError:
        return "refused"


@settings(max_examples=120)
@given(patterns, paths)
def test_patterns_match_as_the_clients_do(given: list[str], path: str) -> None:
    path = str(PurePosixPath(path))
    assert _ours(given, path) == _client(given, path)


@settings(max_examples=20)
@given(trees, usual, st.booleans())
def test_a_folder_ships_what_the_client_uploads(tree: set[str], given: list[str], inverted: bool) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        _write(folder, tree)
        matcher = FilePatternMatcher(*given)
        mount = _Mount._add_local_dir(
            folder, PurePosixPath("/data"), ignore=~matcher if inverted else matcher
        )
        ours = Piece("/data", folder, None, "add_local", True, Ignore(given, is_inverted=inverted))
        _agree(mount, ours, folder)


@settings(max_examples=20)
@given(trees)
def test_python_source_ships_what_the_client_uploads(tree: set[str]) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        _write(folder, tree)
        mount = _Mount._add_local_dir(folder, PurePosixPath("/root/kit"), ignore=NON_PYTHON_FILES)
        ours = Piece("/root/kit", folder, None, "add_local", True, Ignore(["**/*.py"], is_inverted=True))
        _agree(mount, ours, folder)


def _write(folder: Path, tree: set[str]) -> None:
    for name in sorted(tree, key=len, reverse=True):
        path = folder / name
        if path.exists() or any(parent.is_file() for parent in path.parents):
            continue  # a folder of that name is there already
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    if (folder / "a").is_dir():
        (folder / "linked").symlink_to(folder / "a", target_is_directory=True)
        (folder / "broken.py").symlink_to(folder / "nothing")


def _agree(mount: _Mount, piece: Piece, folder: Path) -> None:
    uploads = {
        str(remote): local
        for entry in mount.entries
        for local, remote in entry.get_files_to_upload()
        if local.exists()
    }
    files = Files([piece])
    assert {str(placed.path) for placed in files.below("/")} == set(uploads)
    folders = {str(parent) for name in uploads for parent in PurePosixPath(name).parents} - {"/", "/root"}
    for local in folder.rglob("*"):
        path = f"{piece.target}/{local.relative_to(folder).as_posix()}"
        placed = files.at(path)
        assert (placed is not None) == (path in uploads or path in folders), path
