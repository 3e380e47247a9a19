"""Which file a launcher's command line runs, and whose homeport.toml that is."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

FILE_NAME: Final = "homeport.toml"
# options of Python, modal and homeport that take a value, before the file
_WITH_VALUE: Final = frozenset(
    {"-n", "--name", "-w", "--write-result", "-e", "--env", "--profile", "--tag", "--strategy", "-W", "-X"}
    | {"--cmd", "--timeout", "--client-version", "--contract"}
)
_COMMANDS: Final = frozenset({"run", "deploy", "serve", "shell"})


def entry_candidates(argv: Sequence[str], cwd: str) -> Iterator[PurePosixPath]:
    """Paths that may be the app's file, the likeliest first: of `modal run app.py::train`, `modal run -m
    pkg.app`, `python script.py`."""
    words = list(argv)
    place = _behind_command(words)
    is_module = False
    while place < len(words) and words[place].startswith("-") and words[place] != "-":
        word = words[place]
        if word == "-m" or (not word.startswith("--") and word.endswith("m")):
            is_module = True
        place += 2 if word in _WITH_VALUE else 1
    if place >= len(words):
        return
    named = words[place].partition("::")[0]
    base = PurePosixPath(cwd)
    if is_module:
        parts = named.split(".")
        yield base.joinpath(*parts).with_suffix(".py")
        yield base.joinpath(*parts) / "__init__.py"
        yield base.joinpath(*parts) / "__main__.py"
        yield base.joinpath("src", *parts).with_suffix(".py")
        return
    yield _below(base, named)
    if not named.endswith(".py"):
        yield base.joinpath(*named.split(".")).with_suffix(".py")


def _below(base: PurePosixPath, named: str) -> PurePosixPath:
    """Without `..` at the beginning, which would make the folder that it leads out of one above the file. The
    folder of a process is never a link; one further on may be, and stays."""
    parts = PurePosixPath(named).parts
    while parts[:1] == ("..",):
        base, parts = base.parent, parts[1:]
    return base.joinpath(*parts)


def command_of(argv: Sequence[str]) -> str:
    """`run`, `deploy`, `serve` or `shell` of a launcher's command line; empty for a script's."""
    place = _behind_command(argv)
    return argv[place - 1] if argv[place - 1 : place] and argv[place - 1] in _COMMANDS else ""


def _behind_command(words: Sequence[str]) -> int:
    """Where the options begin that come before the file."""
    for place, word in enumerate(words[:8]):
        name = PurePosixPath(word).name
        if name in ("modal", "homeport") or (word == "modal" and words[place - 1 : place] == ["-m"]):
            rest = range(place + 1, len(words))
            return next((at + 1 for at in rest if words[at] in _COMMANDS), len(words))
    return 1


def is_detached(argv: Sequence[str]) -> bool:
    """Whether the app may go on when its command has ended."""
    return "--detach" in argv or "-d" in argv


def contract_asked(argv: Sequence[str]) -> str:
    """NAME of `homeport run --contract NAME app.py`, as it was typed; else empty."""
    words = list(argv)
    if PurePosixPath(words[0] if words else "").name != "homeport" or words[1:2] != ["run"]:
        return ""
    place, asked = 2, ""
    while place < len(words) and words[place].startswith("-") and words[place] != "--":
        name, has_value, value = words[place].partition("=")
        if name == "--contract":
            asked = value if has_value else "".join(words[place + 1 : place + 2])
        place += 2 if not has_value and name in (*_WITH_VALUE, "--contract") else 1
    return asked


def folders_upwards(entry: PurePosixPath, root: PurePosixPath | None) -> list[PurePosixPath]:
    """The folders in which homeport.toml is looked for: beside the app's file, then up to `root`."""
    found = [entry.parent]
    while root is not None and found[-1] != root and root in found[-1].parents:
        found.append(found[-1].parent)
    return found
