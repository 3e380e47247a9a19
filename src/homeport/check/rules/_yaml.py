"""YAML, TOML and JSON as trees of nodes that know their lines. Files that are not such are empty."""

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

Content: TypeAlias = "str | list[tuple[str, Node]]"


@dataclass(frozen=True)
class Node:
    """A value at a line (from 1): text, or pairs of key and node; of a list the keys are empty.

    `key_line` and `key_column` are where its key stands. `is_block`: text that begins on the next line.
    """

    content: Content
    line: int
    key_line: int = 0
    key_column: int = 0
    is_block: bool = False
    is_list: bool = False


def items(node: Node | None) -> list[tuple[str, Node]]:
    return node.content if node is not None and isinstance(node.content, list) else []


def text_of(node: Node | None) -> str:
    return node.content if node is not None and isinstance(node.content, str) else ""


def parse(text: str) -> Node | None:
    """YAML, of which JSON is a part."""
    import yaml  # a twentieth of a second, and only where there is a file to read

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        root = yaml.compose(text, Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return _node(root, set()) if root is not None else None


def _node(source: Any, above: set[int]) -> Node:
    line = source.start_mark.line + 1
    if id(source) in above:  # an alias of something around it
        return Node("", line)
    if source.id == "scalar":
        return Node(source.value, line, is_block=source.style in ("|", ">"))
    inside = above | {id(source)}
    if source.id == "sequence":
        return Node([("", _node(child, inside)) for child in source.value], line, is_list=True)
    pairs = []
    for key, value in source.value:
        node = _node(value, inside)
        mark = key.start_mark
        pairs.append(
            (
                str(key.value) if key.id == "scalar" else "",
                Node(node.content, node.line, mark.line + 1, mark.column, node.is_block, node.is_list),
            )
        )
    return Node(pairs, line)


def parse_json(text: str) -> Node | None:
    """JSON that is not YAML, as with tabs: without lines."""
    try:
        return _plain(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _plain(value: Any) -> Node:
    if isinstance(value, dict):
        return Node([(str(key), _plain(item)) for key, item in value.items()], 1)
    if isinstance(value, list):
        return Node([("", _plain(item)) for item in value], 1, is_list=True)
    return Node(str(value), 1)
