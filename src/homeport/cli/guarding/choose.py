"""Which contract a command's run is held to, by what is typed: nobody else tells before it runs."""

import ast
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from homeport.control.contracts.files import contract_path
from homeport.model.errors import FailedPreconditionError, NotFoundError
from homeport.record.contracts.defaults import defaults
from homeport.record.contracts.reading import decode
from homeport.record.contracts.terms import ContractFile, Terms, When, holds, is_function, matches
from homeport.record.launch import FILE_NAME, entry_candidates


@dataclass(frozen=True)
class Chosen:
    file: ContractFile
    terms: Terms


@dataclass(frozen=True)
class Typed:
    """What a command line says of its run; `function` and `app` are empty where it does not."""

    entry: Path | None
    function: str
    app: str
    arguments: dict[str, str]


def choose(args: Sequence[str], file: Path | None, name: str | None) -> Chosen:
    """Raises BadContractsError with all mistakes of the file, NotFoundError, FailedPreconditionError."""
    typed = read_command(args)
    path = file or (contract_path(typed.entry, str(Path.cwd())) if typed.entry else None)
    if path is None and Path(FILE_NAME).is_file():
        path = Path(FILE_NAME)
    if path is None:
        raise NotFoundError(
            f"There is no {FILE_NAME} beside the app or above it. Name a contract's file: homeport guard "
            "--file FILE -- …"
        )
    contracts = decode(path.read_bytes(), str(path))
    if name is not None:
        return Chosen(contracts, contracts.named(name))
    found = [terms for terms in contracts.contracts if _can_be(terms.when, typed)]
    if len(found) == 1:
        return Chosen(contracts, found[0])
    names = ", ".join(terms.name for terms in found or contracts.contracts)
    what = "Several contracts may be meant" if found else "No contract matches this command"
    raise FailedPreconditionError(
        f"{what} ({path}: {names or 'it has none'}). Nothing was run. Say which holds: homeport guard "
        "--contract NAME -- …"
    )


def read_command(args: Sequence[str]) -> Typed:
    cwd = str(Path.cwd())
    argv = ["", *args] if args and PurePosixPath(args[0]).name not in ("modal", "homeport") else list(args)
    if args and PurePosixPath(args[0]).name.startswith("python"):
        argv = list(args)
    entry = next((Path(c) for c in entry_candidates(argv, cwd) if Path(c).is_file()), None)
    named = next((word for word in args if "::" in word and not word.startswith("-")), "")
    function = named.partition("::")[2]
    source = entry.read_text("utf-8", "replace") if entry is not None else ""
    app, functions = _in_source(source)
    if not function and len(functions) == 1:
        function = functions[0]
    behind = args[list(args).index(named) + 1 :] if named else _behind(args, entry)
    arguments = defaults(source, function) if function else {}
    return Typed(entry, function, app, arguments | _options(behind))


def _behind(args: Sequence[str], entry: Path | None) -> Sequence[str]:
    for place, word in enumerate(args):
        if entry is not None and word.endswith(entry.name):
            return args[place + 1 :]
    return ()


def _options(words: Sequence[str]) -> dict[str, str]:
    """`--config-path x`, `--config-path=x`, `--fast`, `--no-fast` as a function's arguments."""
    found: dict[str, str] = {}
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        if not word.startswith("--"):
            continue
        name, has_value, value = word[2:].partition("=")
        if not has_value:
            if place < len(words) and not words[place].startswith("--"):
                value = words[place]
                place += 1
            else:
                name, value = (name[3:], "false") if name.startswith("no-") else (name, "true")
        found[name.replace("-", "_")] = value
    return found


def _can_be(when: When, typed: Typed) -> bool:
    """Whether nothing that is typed contradicts. Configuration is not known before the run."""
    if (
        when.function
        and typed.function
        and not any(is_function(each, typed.function) for each in when.function)
    ):
        return False
    if when.app and typed.app and not any(matches(each, typed.app) for each in when.app):
        return False
    return all(
        name not in typed.arguments or holds(wanted, typed.arguments[name])
        for name, wanted in when.arguments.items()
    )


def _in_source(source: str) -> tuple[str, list[str]]:
    """The app's name and its functions, by reading the file."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return "", []
    apps = [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] == "App"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ]
    functions: dict[str, list[str]] = {"local_entrypoint": [], "function": []}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                name = ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)
                functions.get(name.rpartition(".")[2], []).append(node.name)
    # of a local entrypoint nobody can tell which functions it calls, if there is more than one
    named = str(apps[0]) if len(apps) == 1 else ""
    return named, [] if functions["local_entrypoint"] and len(functions["function"]) > 1 else functions[
        "function"
    ]


def shell_has(patterns: Sequence[str]) -> dict[str, str]:
    """The variables of this shell that a contract forbids: the likeliest cause of a count that is wrong."""
    from fnmatch import fnmatchcase

    return {n: v for n, v in os.environ.items() if any(fnmatchcase(n, pattern) for pattern in patterns)}
