"""What a command runs: Python scripts and modules, and programs that may put files into a container."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from homeport.check.shell_lines import simple_commands, without_redirections
from homeport.check.values import Unknown, Value

PYTHON = re.compile(r"^(python|pypy)[0-9.]*$")
LAUNCHERS = frozenset({"torchrun", "accelerate", "deepspeed", "horovodrun", "composer"})
LAUNCHER_MODULES = frozenset(
    {
        "torch.distributed.run",
        "torch.distributed.launch",
        "accelerate.commands.launch",
        "deepspeed.launcher.runner",
    }
)
WRAPPERS = frozenset({"env", "nohup", "time", "exec", "sudo", "nice", "stdbuf", "xvfb-run"})
SHELLS = frozenset({"sh", "bash", "dash", "zsh"})
# programs that look at things and leave no file of use behind
HARMLESS = frozenset(
    {
        *(
            "nvidia-smi",
            "nvcc",
            "ls",
            "echo",
            "cat",
            "pwd",
            "which",
            "free",
            "df",
            "du",
            "ps",
            "uname",
            "true",
        ),
        *(
            "printenv",
            "head",
            "tail",
            "wc",
            "lscpu",
            "top",
            "date",
            "hostname",
            "id",
            "ldd",
            "ldconfig",
            "grep",
        ),
        *(
            "test",
            "sleep",
            "kill",
            "chmod",
            "rm",
            "cd",
            "export",
            "set",
            "ulimit",
            "printf",
            "whoami",
            "nproc",
        ),
        *("lspci", "tee"),
    }
)
WITH_VALUE = frozenset({"-W", "-X", "--check-hash-based-pycs"})


@dataclass(frozen=True)
class Script:
    """What a command runs: a file by its path as written, or a module with `-m`.

    `folder` is the working folder of the command, None where it is not known.
    """

    path: str
    is_module: bool
    folder: str | None
    args: tuple[Value, ...]


@dataclass(frozen=True)
class Command:
    """One program with its arguments, the words before it (`env X=1 nohup`) taken away."""

    program: str
    arguments: tuple[Value, ...]
    folder: str | None


def scripts_of(words: Value, options: Mapping[str, Value], folder: str | Unknown, name: str) -> list[Script]:
    """The Python scripts and modules that a command runs, in order."""
    return list(_scripts(words, options, folder, name))


def may_fetch(words: Value, options: Mapping[str, Value], name: str, *, before_last: bool = False) -> bool:
    """Whether a command may bring files or modules of any name: a download, a copy, an installation, or a
    program that is not known. What a Python script does is followed where it is one's own. `before_last`
    asks it of what a shell's line does before its last command.
    """
    found = list(_commands(words, options, "/", name))
    if before_last:
        return any(map(_fetches, found[:-1]))
    return not found or any(map(_fetches, found))


def _fetches(command: Command) -> bool:
    program = command.program
    if PYTHON.match(program):
        words = [word for word in command.arguments if isinstance(word, str)]
        return "-c" in words[:2] or any(word in ("pip", "uv", "conda", "install") for word in words[:3])
    return program not in HARMLESS and program not in LAUNCHERS and not program.endswith(".py")


def _scripts(
    words: Value, options: Mapping[str, Value], folder: str | Unknown, name: str
) -> Iterator[Script]:
    for command in _commands(words, options, folder, name):
        rest = list(command.arguments)
        if PYTHON.match(command.program):
            yield from _of_python(rest, command.folder)
        elif command.program in LAUNCHERS:
            yield from _of_launcher(rest, command.folder)
        elif command.program.endswith(".py"):
            yield Script(command.program, False, command.folder, command.arguments)


def _commands(
    words: Value, options: Mapping[str, Value], folder: str | Unknown, name: str
) -> Iterator[Command]:
    where = folder if isinstance(folder, str) else None
    cwd = options.get("cwd")
    if isinstance(cwd, str | PurePath):
        joined = posixpath.join(where or "", str(cwd))
        where = posixpath.normpath(joined) if joined.startswith("/") else None
    elif cwd is not None:
        where = None
    if isinstance(words, str):
        is_shell = options.get("shell") is True or name in ("os.system", "subprocess.getoutput")
        yield from _of_line(words, where) if is_shell else _of_words((words,), where)
    elif isinstance(words, tuple):
        yield from _of_words(words, where)


def _of_line(line: str, folder: str | None) -> Iterator[Command]:
    """A shell's line: commands in turn, `cd` heeded."""
    try:
        commands = simple_commands(line)
    except ValueError:
        return
    for words in map(without_redirections, commands):
        if words[:1] == ["cd"] and len(words) == 2:
            target = words[1]
            plain_target = not set(target) & set("$`*~")
            joined = posixpath.join(folder or "", target)
            folder = posixpath.normpath(joined) if plain_target and joined.startswith("/") else None
        elif words:
            yield from _of_words(tuple(words), folder)


def _of_words(words: tuple[Value, ...], folder: str | None) -> Iterator[Command]:
    rest = list(words)
    while rest and isinstance(rest[0], str) and _is_prefix(rest[0]):
        rest.pop(0)
    if rest[:2] == ["uv", "run"]:
        rest = rest[2:]
        while rest and isinstance(rest[0], str) and rest[0].startswith("-"):
            rest.pop(0)
        if rest and isinstance(rest[0], str) and rest[0].endswith(".py"):
            rest.insert(0, "python")
    if not rest or not isinstance(rest[0], str | PurePath):
        return
    written = str(rest[0])
    program = written if written.endswith(".py") else posixpath.basename(written)
    line = rest[2] if len(rest) > 2 and re.fullmatch(r"-[a-z]*c", str(rest[1])) else None
    if program in SHELLS and isinstance(line, str):
        yield from _of_line(line, folder)
    else:
        yield Command(program, tuple(rest[1:]), folder)


def _is_prefix(word: str) -> bool:
    return word in WRAPPERS or re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*=.*", word) is not None


def _of_python(rest: list[Value], folder: str | None) -> Iterator[Script]:
    while rest:
        word = rest.pop(0)
        if not isinstance(word, str | PurePath):
            return
        text = str(word)
        if text in ("-m",) and rest:
            module = rest[0]
            if module in LAUNCHER_MODULES:
                yield from _of_launcher(rest[1:], folder)
            elif isinstance(module, str):
                yield Script(module, True, folder, tuple(rest[1:]))
            return
        if text in WITH_VALUE and rest:
            rest.pop(0)
        elif text == "-c" or text == "-":
            return
        elif not text.startswith("-"):
            yield Script(text, False, folder, tuple(rest))
            return


def _of_launcher(rest: list[Value], folder: str | None) -> Iterator[Script]:
    """torchrun and its like: the script is the first word that is a Python file, or `-m module`."""
    for number, word in enumerate(rest):
        if not isinstance(word, str | PurePath):
            continue
        text = str(word)
        if text in ("-m", "--module") and number + 1 < len(rest) and isinstance(rest[number + 1], str):
            yield Script(rest[number + 1], True, folder, tuple(rest[number + 2 :]))
            return
        if text.endswith(".py") and not text.startswith("-"):
            yield Script(text, False, folder, tuple(rest[number + 1 :]))
            return
