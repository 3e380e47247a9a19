"""Which configuration files a function runs with: those that the command gives it, and its defaults."""

import ast
import posixpath
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePath

from homeport.check.command_line import meant, options, take_apart
from homeport.check.facts import Call, Facts, Function
from homeport.check.rules._yaml import Node, parse, parse_json

_OPENS = ("open", "read_text", "read_bytes", "load")
_ENDS = (".yaml", ".yml", ".json", ".toml")
CONFIG_ENDS = (*_ENDS, ".ini", ".cfg", ".conf")


def started(facts: Facts) -> Iterator[tuple[Function, Mapping[str, str]]]:
    """The functions in containers that the command starts, with what it gives their parameters; all of them,
    with nothing given, where there is no command. A local entry point passes on what it was given."""
    remote = [function for function in facts.app.functions if function.kind != "local_entrypoint"]
    runnable = meant(facts)
    if facts.command is None:
        yield from ((function, {}) for function in remote)
    elif runnable is not None:
        apart = take_apart(facts.command.arguments, options(runnable, facts))
        typed = {flag.replace("-", "_"): value for flag, value in apart.values.items()}
        if runnable.function.kind != "local_entrypoint":
            yield runnable.function, typed
        else:
            yield from _passed_on(runnable.function, remote, typed)


def _passed_on(
    entrypoint: Function, remote: list[Function], typed: Mapping[str, str]
) -> Iterator[tuple[Function, Mapping[str, str]]]:
    own = {each.name: typed.get(each.name) or _text(each.default) for each in entrypoint.parameters}
    by_name = {function.name: function for function in remote}
    for node in ast.walk(entrypoint.node):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        target = by_name.get(node.func.value.id) if isinstance(node.func.value, ast.Name) else None
        if target is None or node.func.attr not in ("remote", "spawn", "remote_gen", "local"):
            continue
        names = [parameter.name for parameter in target.parameters]
        given = dict(zip(names, node.args, strict=False))
        given |= {word.arg: word.value for word in node.keywords if word.arg}
        yield (
            target,
            {
                name: own[value.id]
                for name, value in given.items()
                if isinstance(value, ast.Name) and own.get(value.id)
            },
        )


def named(function: Function, typed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Parameters that name a configuration file, by their value or their default, and the path."""
    names = dict.fromkeys((*(parameter.name for parameter in function.parameters), *typed))
    defaults = {parameter.name: _text(parameter.default) for parameter in function.parameters}
    for name in names:
        value = typed.get(name) or defaults.get(name, "")
        if value.lower().endswith(CONFIG_ENDS):
            yield name, value


def _text(default: str | None) -> str:
    try:
        value = ast.literal_eval(default or "")
    except (ValueError, SyntaxError):
        return ""
    return value if isinstance(value, str) else ""


def configs_of(facts: Facts, function: Function, typed: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """The launcher's files that a function's configuration comes from, with their text: those that its
    parameters name, and those that its code opens by a name.
    """
    found: dict[Path, None] = {}
    for _, value in named(function, typed):
        end = f"/{value.removeprefix('./').lstrip('/')}"
        path = next((path for path in facts.project.texts if path.as_posix().endswith(end)), None)
        if path is not None:
            found[path] = None
    for path in _opened(facts, function):
        if path in facts.project.texts:
            found[path] = None
    yield from ((path, facts.project.texts[path]) for path in found if path.suffix in _ENDS)


def _opened(facts: Facts, function: Function) -> Iterator[Path]:
    container = facts.containers.get(function.name)
    for event in facts.events.get(function.name, ()) if container is not None else ():
        if isinstance(event, Call) and event.name.rpartition(".")[2] in (
            "open",
            "read_text",
            "read_bytes",
            "load",
        ):
            for value in (*event.args[:1], event.receiver):
                if isinstance(value, str | PurePath) and _is_config(str(value)):
                    folder = event.folder if isinstance(event.folder, str) else ""
                    placed = container.at(posixpath.join(folder, str(value))) if container else None
                    source = getattr(placed, "source", None)
                    if source is not None:
                        yield source


def _is_config(name: str) -> bool:
    """JSON is as often data, or what another run left."""
    is_said = any(word in name.lower() for word in ("conf", "cfg", "setting", "param"))
    return name.endswith(_ENDS) and (is_said or not name.endswith(".json"))


@lru_cache(maxsize=64)
def parsed(path: Path, text: str) -> Node | None:
    """What is in a configuration file; None where it is not of its kind. It takes its time."""
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
