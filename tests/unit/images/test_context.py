"""What COPY finds in a build context."""

from pathlib import Path

import pytest

from homeport.model.errors import InvalidError
from homeport.runtime.context import Context, write_context_files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    for name in ("a.txt", "b.txt", "src/x.py", "src/deep/y.py", ".hidden"):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tree


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a.txt", ["a.txt"]),
        ("/a.txt", ["a.txt"]),
        ("./a.txt", ["a.txt"]),
        ("../../a.txt", ["a.txt"]),
        ("*.txt", ["a.txt", "b.txt"]),
        ("src/*/y.py", ["src/deep/y.py"]),
        ("[ab].txt", ["a.txt", "b.txt"]),
        ("[^a].txt", ["b.txt"]),
        ("src", ["src"]),
    ],
)
def test_what_a_source_names(tree: Path, source: str, names: list[str]) -> None:
    found = Context(tree).find((source,))
    assert [str(path.relative_to(tree)) for path, _ in found] == names


def test_folders_are_marked(tree: Path) -> None:
    assert [is_folder for _, is_folder in Context(tree).find((".", "a.txt", "src"))] == [True, False, True]


@pytest.mark.parametrize("source", ["nope", "*.md", "a.txt/x", "src/nope"])
def test_a_source_that_names_nothing(tree: Path, source: str) -> None:
    with pytest.raises(InvalidError, match="not in the build context"):
        Context(tree).find((source,))


def test_a_link_out_of_the_context_is_not_followed(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("x")
    (tree / "out").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidError):
        Context(tree).find(("out/key",))


def test_the_digest_depends_on_content_names_and_modes(tree: Path) -> None:
    digests = {Context(tree).digest(("src",))}
    (tree / "src/x.py").write_text("changed")
    digests.add(Context(tree).digest(("src",)))
    (tree / "src/x.py").chmod(0o755)
    digests.add(Context(tree).digest(("src",)))
    (tree / "src/x.py").rename(tree / "src/z.py")
    digests.add(Context(tree).digest(("src",)))
    assert len(digests) == 4


def test_the_digest_does_not_depend_on_other_files(tree: Path) -> None:
    before = Context(tree).digest(("src",))
    (tree / "a.txt").write_text("changed")
    assert Context(tree).digest(("src",)) == before


def test_single_files_are_found_before_the_mounts(tree: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    contents = {"/.requirements.txt": b"six\n", "/deep/er/f": b"1"}
    write_context_files(contents, files)
    context = Context(tree, "", contents, files)
    ((path, _),) = context.find(("/.requirements.txt",))
    assert path.read_bytes() == b"six\n"
    assert len(context.find(("deep/er/f", "a.txt"))) == 2


def test_a_single_file_cannot_leave_its_folder(tmp_path: Path) -> None:
    write_context_files({"/../../evil": b"x"}, tmp_path / "files")
    assert (tmp_path / "files/evil").exists()
    with pytest.raises(InvalidError):
        write_context_files({"/..": b"x"}, tmp_path / "files")
