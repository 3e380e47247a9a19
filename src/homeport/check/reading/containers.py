"""Lists, dicts and sets of which not all is known, and the builtins that look into them."""

import ast
from collections.abc import Callable
from typing import Any

from homeport.check.reading.lifting import items_of, lift
from homeport.check.reading.merge import Rest, is_plain, truth, why_of
from homeport.check.reading.scope import Scope
from homeport.check.values import FromShell, Unknown


def as_list(kind: type) -> Callable[..., Any]:
    def convert(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
        if not args:
            return kind()
        items = items_of(args[0])
        if items is not None:
            return kind(items)
        if isinstance(args[0], FromShell):
            return lift(kind, args, node, scope)
        return kind((Rest(why_of(args[0], "goes through what is not known"), scope.site(node)),))

    return convert


def as_dict(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    result: dict[Any, Any] = {}
    for given in args[:1]:
        if isinstance(given, dict):
            result.update(given)
        elif isinstance(given, FromShell) and given.name is None:
            result[given] = given
        elif isinstance(given, list | tuple) and is_plain(given):
            pairs = lift(lambda held: dict(held), [given], node, scope)
            result.update(pairs if isinstance(pairs, dict) else {pairs: pairs})
        else:
            unknown = given if isinstance(given, Unknown) else Unknown("is made of what is not known")
            result[unknown] = unknown
    result.update(options)
    return result


def length(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    held = args[0] if args else Unknown("has no length")
    if isinstance(held, list | tuple | dict | set):
        rest = next((part for part in held if isinstance(part, Rest | FromShell)), None)
        return len(held) if rest is None else Unknown(why_of(rest, ""), scope.site(node))
    return lift(len, [held], node, scope)


def quantified(is_any: bool) -> Callable[..., Any]:
    def decide(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
        items = items_of(args[0]) if args else None
        if items is None:
            return Unknown(
                why_of(args[0] if args else None, "goes through what is not known"), scope.site(node)
            )
        doubts = [item for item in items if truth(item) is None or isinstance(item, Rest)]
        if any(truth(item) is is_any for item in items):
            return is_any
        return Unknown(why_of(doubts[0], ""), scope.site(node)) if doubts else not is_any

    return decide


def container_method(
    held: Any, name: str, args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope
) -> Any:
    """Of a list, dict or set, whose items may be anything."""
    method = getattr(held, name, None)
    if method is None or name.startswith("__"):
        return Unknown(f"has no .{name}", scope.site(node))
    if name in ("extend", "update", "intersection_update", "difference_update") and args:
        items = items_of(args[0])
        if name == "extend" and items is None:
            args = [[Rest(why_of(args[0], "is not a known list"), scope.site(node))]]
        elif isinstance(held, dict) and not isinstance(args[0], dict):
            unknown = (
                args[0] if isinstance(args[0], FromShell) else Unknown(why_of(args[0], "is not a known dict"))
            )
            args = [as_dict([args[0]], {}, node, scope) if items is not None else {unknown: unknown}]
    if name in ("get", "pop") and isinstance(held, dict) and args:
        found = held_item(held, args, node, scope)
        if name == "pop":
            scope.world.touch(held)
            held.pop(args[0], None)
        return found
    if name == "sort" and not (is_plain(held) and not options):
        scope.world.touch(held)
        held[:] = [Rest("is sorted in a way that is not followed")]
        return None
    scope.world.touch(held)
    try:
        found = method(*args, **options)
    except Exception as error:
        return Unknown(f"fails: {error}"[:200], scope.site(node))
    return list(found) if name in ("items", "keys", "values") else found


def held_item(held: dict[Any, Any], args: list[Any], node: ast.Call, scope: Scope) -> Any:
    try:
        if args[0] in held:
            return held[args[0]]
    except TypeError:
        return Unknown("is an item of a key that cannot be one", scope.site(node))
    if isinstance(args[0], Unknown | FromShell):
        return Unknown(why_of(args[0], ""), scope.site(node))
    doubt = next((key for key in held if isinstance(key, Unknown | FromShell)), None)
    if doubt is not None:
        return Unknown(why_of(doubt, ""), scope.site(node))
    return args[1] if len(args) > 1 else None


def together(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    """zip(...), and enumerate(x) as zip(None, x)."""
    lists = [items_of(arg) for arg in (args[1:2] if args[:1] == [None] else args)]
    if not lists or any(items is None or any(isinstance(part, Rest) for part in items) for items in lists):
        return Unknown("goes through what is not known", scope.site(node))
    if args[:1] == [None]:
        start = args[2] if len(args) > 2 else options.get("start", 0)
        return (
            list(enumerate(lists[0] or [], start))
            if isinstance(start, int)
            else Unknown("counts from what is not known")
        )
    return list(zip(*[items for items in lists if items is not None], strict=False))
