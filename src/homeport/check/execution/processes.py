"""Child processes: which Python script or module a command runs, and what it does there."""

import ast
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath

from homeport.check.execution.core import Core, Process
from homeport.check.execution.objects import MADE, ModuleState
from homeport.check.facts import FoundModule, Placed
from homeport.check.values import Unknown, Value

MAX_PROCESSES = 6  # one in another
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
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "/bin/sh", "/bin/bash"})
WITH_VALUE = frozenset({"-W", "-X", "--check-hash-based-pycs"})
SEPARATORS = frozenset({"&&", "||", ";", "|", "&"})


@dataclass(frozen=True)
class Script:
    """What a command runs: a file by its path as written, or a module with `-m`.

    `folder` is the working folder of the command, None where it is not known.
    """

    path: str
    is_module: bool
    folder: str | None
    args: tuple[Value, ...]


def scripts_of(words: Value, options: Mapping[str, Value], folder: str | Unknown, name: str) -> list[Script]:
    """The Python scripts and modules that a command runs, in order."""
    return list(_scripts(words, options, folder, name))


def _scripts(
    words: Value, options: Mapping[str, Value], folder: str | Unknown, name: str
) -> Iterator[Script]:
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


def _of_line(line: str, folder: str | None) -> Iterator[Script]:
    """A shell's line: commands in turn, `cd` heeded."""
    for part in re.split(r"\n", line.replace("\\\n", " ")):
        lexer = shlex.shlex(part, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        try:
            words = list(lexer)
        except ValueError:
            return
        command: list[str] = []
        for word in [*words, ";"]:
            if word in SEPARATORS:
                if command[:1] == ["cd"] and len(command) == 2:
                    target = command[1]
                    plain_target = not set(target) & set("$`*~")
                    joined = posixpath.join(folder or "", target)
                    folder = posixpath.normpath(joined) if plain_target and joined.startswith("/") else None
                elif command:
                    yield from _of_words(tuple(command), folder)
                command = []
            else:
                command.append(word)


def _of_words(words: tuple[Value, ...], folder: str | None) -> Iterator[Script]:
    rest = list(words)
    while rest and isinstance(rest[0], str) and _is_prefix(rest[0]):
        rest.pop(0)
    if not rest or not isinstance(rest[0], str | PurePath):
        return
    program = posixpath.basename(str(rest[0]))
    if program == "uv" and rest[1:2] == ["run"]:
        rest = rest[2:]
        while rest and isinstance(rest[0], str) and rest[0].startswith("-"):
            rest.pop(0)
        if rest and isinstance(rest[0], str):
            program = "python" if rest[0].endswith(".py") else posixpath.basename(rest[0])
            rest = ["python", *rest] if rest[0].endswith(".py") else rest
    if str(rest[0] if rest else "") in SHELLS or program in SHELLS:
        if len(rest) > 2 and re.fullmatch(r"-[a-z]*c", str(rest[1])) and isinstance(rest[2], str):
            yield from _of_line(rest[2], folder)
        return
    if PYTHON.match(program):
        yield from _of_python(rest[1:], folder)
    elif program in LAUNCHERS:
        yield from _of_launcher(rest[1:], folder)
    elif program.endswith(".py"):
        yield Script(str(rest[0]), False, folder, tuple(rest[1:]))


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


class Processes(Core):
    def run_command(self, words: Value, options: Mapping[str, Value], node: ast.Call, name: str) -> None:
        if self.depth >= MAX_PROCESSES:
            return
        for script in scripts_of(words, options, self.place.folder, name):
            self.run_script(script, options.get("env"), node)

    def run_script(self, script: Script, environment: Value, node: ast.Call) -> None:
        """Follows a script as a process of its own: its sys.path begins with its folder, modules are new."""
        process, place, frame = self.process, self.place, self.frame
        folder = script.folder if script.folder else Unknown("the command's working folder is not known")
        self.place = replace(place, folder=folder, search_path=(), maybe=(), is_path_open=False)
        self.process = Process(argv=(script.path, *script.args))
        self.depth += 1
        try:
            base = self.python_path(environment)
            if script.is_module:
                self.place = replace(self.place, search_path=("", *base))
                self.run_as_main(script.path, node)
            else:
                self.run_file(script.path, node, base=base, main="__main__")
        finally:
            made = self.place.made | place.made
            self.process, self.frame, self.depth = process, frame, self.depth - 1
            self.place = replace(place, made=made)
            self.pending = ""

    def python_path(self, environment: Value) -> tuple[str, ...]:
        """What PYTHONPATH puts on a child's sys.path: the container's, unless the child's is given whole."""
        if isinstance(environment, dict):
            value = environment.get("PYTHONPATH", "")
        elif "PYTHONPATH" in self.place.environment:
            value = self.place.environment["PYTHONPATH"]
        else:
            known = self.container.environment.get("PYTHONPATH")
            value = known[0] if known else None
        if value is None:
            return self.container.search_path
        if isinstance(value, str):
            return tuple(entry for entry in value.split(":") if entry)
        self.place = replace(self.place, is_path_open=True)
        return self.container.search_path

    def run_file(
        self, path: str, node: ast.Call, *, base: tuple[str, ...] | None = None, main: str = "__main__"
    ) -> None:
        """Runs a shipped script."""
        found = self.absolute(path)
        placed = self.container.at(found) if found else None
        if not found or not isinstance(placed, Placed) or placed.source is None or placed.kind != "file":
            return
        if base is not None:
            self.place = replace(self.place, search_path=(posixpath.dirname(found), *base))
        module = self.sources.read(placed.source, PurePath(found).stem)
        state = ModuleState(main, module, found, is_package=False, is_open=bool(module.error))
        if main == "__main__":
            self.process.modules["__main__"] = state
        self.run_module(state, node, self.is_certain, main)

    def run_as_main(self, name: str, node: ast.Call) -> None:
        """`python -m name`: its packages are imported, then it runs as `__main__`."""
        resolution, chain = self.resolve_all(name)
        self.note_import(name, node, resolution)
        if not isinstance(resolution, FoundModule):
            return
        self.load_all(chain[:-1], node)
        found = chain[-1][1] if chain[-1][0] == name else None
        if found and found.source and found.source.name == "__init__.py":
            self.load_all(chain[-1:], node)
            name = f"{name}.__main__"
            inner = self.resolve(name)
            self.note_import(name, node, inner)
            found = inner if isinstance(inner, FoundModule) else None
        if found is None or found.kind != "shipped" or found.source is None:
            return
        state = self.new_state(name, found)
        state.is_package = False
        if state.module:
            self.run_module(state, node, self.is_certain, "__main__")


__all__ = ["MADE", "Processes", "Script", "scripts_of"]
