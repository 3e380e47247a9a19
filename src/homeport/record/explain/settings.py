"""The keys of a configuration file (YAML, JSON, TOML), dotted, with their values and lines.

Of YAML only what has one plain meaning is read: tags and objects are left as text.
"""

import datetime
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from homeport.record.contracts.locate import Locations


@dataclass(frozen=True)
class Setting:
    """`value` as JSON; `line` from 1."""

    value: str
    line: int


def settings(path: str, text: str) -> dict[str, Setting]:
    """Every value of the file by its dotted key; empty for what is no such file or does not parse."""
    try:
        if path.lower().endswith(".toml"):
            return _of_toml(text)
        if path.lower().endswith((".yaml", ".yml", ".json")):
            return _of_yaml(text)
    except (yaml.YAMLError, tomllib.TOMLDecodeError, ValueError, RecursionError):
        return {}
    return {}


def _of_yaml(text: str) -> dict[str, Setting]:
    """Also JSON, which is YAML but for very few texts."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        return dict(_nodes(loader, root, "", frozenset())) if root is not None else {}
    finally:
        loader.dispose()


def _nodes(
    loader: yaml.SafeLoader, node: yaml.Node, key: str, around: frozenset[int]
) -> Iterator[tuple[str, Setting]]:
    line = node.start_mark.line + 1
    if id(node) in around:  # an alias of what it stands in
        return
    if isinstance(node, yaml.MappingNode) and node.value:
        loader.flatten_mapping(node)
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode):
                below = name.value if not key else f"{key}.{name.value}"
                for found, setting in _nodes(loader, value, below, around | {id(node)}):
                    is_own = found == below
                    yield found, Setting(setting.value, name.start_mark.line + 1) if is_own else setting
    elif isinstance(node, yaml.SequenceNode) and any(not isinstance(v, yaml.ScalarNode) for v in node.value):
        for number, value in enumerate(node.value):
            yield from _nodes(loader, value, f"{key}.{number}" if key else str(number), around | {id(node)})
    else:
        yield key, Setting(_json(_plain(loader, node)), line)


def _plain(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    try:
        return loader.construct_object(node, deep=True)
    except yaml.YAMLError:  # a tag of somebody's own
        return str(node.value)


def _of_toml(text: str) -> dict[str, Setting]:
    document = tomllib.loads(text)
    places = Locations(text)
    return {
        ".".join(str(part) for part in path): Setting(_json(value), places.key(path)[0])
        for path, value in _leaves(document, ())
    }


def _leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    elif isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        for number, below in enumerate(value):
            yield from _leaves(below, (*path, number))
    else:
        yield path, value


def _json(value: Any) -> str:
    def plain(other: object) -> str:
        is_time = isinstance(other, datetime.date | datetime.time)
        return other.isoformat() if is_time else str(other)  # type: ignore[attr-defined]

    return json.dumps(value, ensure_ascii=False, default=plain)
