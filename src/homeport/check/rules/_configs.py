"""Which configuration file a function runs with: the command's, else its parameters' defaults."""

import ast
from collections.abc import Iterator
from pathlib import Path

from homeport.check.facts import Facts, Function
from homeport.check.rules._command_line import meant, options, parameters, take_apart
from homeport.check.rules._yaml import Node, parse, parse_json

_ENDS = (".yaml", ".yml", ".json", ".toml")


def named(facts: Facts, function: Function) -> Iterator[tuple[str, str, bool]]:
    """Parameter, the path that it has, and whether the command gives it."""
    typed: dict[str, str] = {}
    given = function.parameters
    runnable = meant(facts)
    if facts.command is not None and runnable is not None and runnable.function is function:
        apart = take_apart(facts.command.arguments, options(runnable, facts))
        typed = {flag.replace("-", "_"): value for flag, value in apart.values.items()}
        given = parameters(runnable)
    for parameter in given:
        value = typed.get(parameter.name) or _text(parameter.default)
        if value and value.lower().endswith((*_ENDS, ".ini", ".cfg", ".conf")):
            yield parameter.name, value, parameter.name in typed


def _text(default: str | None) -> str:
    try:
        value = ast.literal_eval(default or "")
    except (ValueError, SyntaxError):
        return ""
    return value if isinstance(value, str) else ""


def configs_of(facts: Facts, function: Function) -> Iterator[tuple[Path, str, Node]]:
    """The launcher's files that a function's configuration comes from, with their text and what is in it."""
    for _, value, _ in named(facts, function):
        for path, text in facts.project.texts.items():
            if path.as_posix().endswith(f"/{value.removeprefix('./').lstrip('/')}"):
                root = parsed(path, text)
                if root is not None:
                    yield path, text, root
                break


def parsed(path: Path, text: str) -> Node | None:
    if path.suffix == ".toml":
        return _toml(text)
    return parse(text) or (parse_json(text) if path.suffix == ".json" else None)


def _toml(text: str) -> Node | None:
    import tomllib

    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    return _placed(content, text.splitlines())


def _placed(value: object, lines: list[str]) -> Node:
    """With the first line that has each key: TOML's reader gives no places."""
    if isinstance(value, dict):
        pairs = []
        for key, item in value.items():
            line = next((n for n, text in enumerate(lines, 1) if _begins(text, str(key))), 1)
            node = _placed(item, lines)
            pairs.append((str(key), Node(node.content, line, line, 0, is_list=node.is_list)))
        return Node(pairs, 1)
    if isinstance(value, list):
        return Node([("", _placed(item, lines)) for item in value], 1, is_list=True)
    return Node(str(value), 1)


def _begins(line: str, key: str) -> bool:
    bare = line.strip().lstrip("[").strip()
    return bare.startswith((key, f'"{key}"')) or f".{key}]" in line
