"""The places of a source that read, copy, set or remove one environment variable, found in its syntax tree.

Nothing is run: a name that is put together (`"BGB_" + key`) is not found. What decides about a place is told
where it is a piece of a name (`if "smoke" in config_path.lower()`).
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Act = Literal["set", "removed", "read", "copied", "computed"]  # computed: of a name that is put together

_SET_BY_CALL = {"setdefault", "putenv", "setenv", "__setitem__"}
_REMOVED_BY_CALL = {"pop", "unsetenv", "delenv", "__delitem__"}
_READ_BY_CALL = {"get", "getenv", "__getitem__"}
_COMMAND_TAKERS = (
    {"run", "Popen", "call", "check_call", "check_output", "system", "popen", "getoutput"}
    | {"create_subprocess_shell", "create_subprocess_exec"}
    | {"run_commands", "dockerfile_commands"}
)
_LONGEST_TEXT = 70


@dataclass(frozen=True)
class Decision:
    """A condition that asks whether a text is part of a name. `is_met`: the place runs where it holds."""

    line: int
    needle: str
    name: str
    is_met: bool
    ignores_case: bool = False
    text: str = ""


@dataclass(frozen=True)
class Mention:
    """One place. `value` is as the source spells it, empty where it is computed. `taker` is the call that
    gets the dictionary (`modal.Secret.from_dict`), `keyword` the argument's name there."""

    line: int
    act: Act
    text: str
    value: str = ""
    function: str = "<module>"
    first_line: int = 1  # of the function around, or of the file
    last_line: int = 1
    taker: str = ""
    keyword: str = ""
    decisions: tuple[Decision, ...] = ()


def mentions(tree: ast.Module, name: str) -> list[Mention]:
    """Every place that mentions the variable, or copies the environment whole, by line."""
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = [
        _mention(node, act, value, above, tree)
        for node in ast.walk(tree)
        for act, value in _acts(node, name, above)
    ]
    return sorted(found, key=lambda mention: mention.line)


def dotted(node: ast.AST) -> str:
    """`modal.Secret.from_dict` of such an expression; a call in it counts as what it calls."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    if isinstance(node, ast.Call):
        return dotted(node.func)
    return ""


def decision_of(test: ast.expr, *, is_met: bool = True) -> Decision | None:
    """The decision that a condition is, if it is one by a piece of a name."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return decision_of(test.operand, is_met=not is_met)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    operator, needle = test.ops[0], test.left
    if not isinstance(operator, ast.In | ast.NotIn) or not _is_text(needle):
        return None
    name, ignores_case = _subject(test.comparators[0])
    if not name:
        return None
    holds = is_met == isinstance(operator, ast.In)
    return Decision(test.lineno, _text_of(needle), name, holds, ignores_case, ast.unparse(test))


def decisions(tree: ast.Module) -> list[Decision]:
    """Every condition of a file by a piece of a name."""
    tests = (node for node in ast.walk(tree) if isinstance(node, ast.Compare))
    return [found for test in tests if (found := decision_of(test)) is not None]


def _acts(node: ast.AST, name: str, above: Mapping[ast.AST, ast.AST]) -> Iterator[tuple[Act, str]]:
    match node:
        case ast.Subscript(slice=key) if _text_of(key) == name:
            yield from _of_subscript(node, above)
        case ast.Subscript(slice=key, ctx=ast.Load()) if _is_environ(node.value) and not _is_text(key):
            yield "computed", ""
        case ast.Dict():
            for spelled, value in zip(node.keys, node.values, strict=True):
                if spelled is not None and _text_of(spelled) == name:
                    yield "set", _spelled(value)
        case ast.Call():
            yield from _of_call(node, name)
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[of]) if _text_of(left) == name:
            if _is_environ(of):
                yield "read", ""
        case ast.Attribute() | ast.Name() if _is_environ(node) and _is_whole(node, above):
            yield "copied", ""
        case ast.Constant(value=str(text)) if name in text:
            taker = _taker(node, above)[0].rpartition(".")[2]
            if taker in _COMMAND_TAKERS and (said := _sets_in_command(text, name)):
                yield "set", said


def _of_subscript(node: ast.Subscript, above: Mapping[ast.AST, ast.AST]) -> Iterator[tuple[Act, str]]:
    parent = above.get(node)
    if isinstance(node.ctx, ast.Del):
        yield "removed", ""
    elif isinstance(node.ctx, ast.Store):
        yield "set", _spelled(parent.value) if isinstance(parent, ast.Assign) else ""
    elif _is_environ(node.value):
        yield "read", ""


def _of_call(node: ast.Call, name: str) -> Iterator[tuple[Act, str]]:
    called = dotted(node.func).rpartition(".")[2]
    for keyword in node.keywords:
        if keyword.arg == name:
            yield "set", _spelled(keyword.value)
    if called in _READ_BY_CALL and node.args and not _is_text(node.args[0]):
        if called == "getenv" or _is_environ(_receiver(node)):
            yield "computed", ""
        return
    if not node.args or _text_of(node.args[0]) != name:
        if called == "from_local_environ" and node.args and name in _texts(node.args[0]):
            yield "read", ""
        return
    if called in _SET_BY_CALL:
        yield "set", _spelled(node.args[1]) if len(node.args) > 1 else ""
    elif called in _REMOVED_BY_CALL:
        yield "removed", ""
    elif called in _READ_BY_CALL and (called != "get" or _is_environ(_receiver(node))):
        yield "read", ""


def _mention(
    node: ast.AST, act: Act, value: str, above: Mapping[ast.AST, ast.AST], tree: ast.Module
) -> Mention:
    around = list(_above(node, above))
    function = next((up for up in around if isinstance(up, ast.FunctionDef | ast.AsyncFunctionDef)), None)
    statement = next((up for up in (node, *around) if isinstance(up, ast.stmt)), node)
    taker, keyword = _taker(node, above)
    return Mention(
        line=getattr(node, "lineno", 1),
        act=act,
        text=_one_line(ast.unparse(statement if isinstance(statement, ast.Assign | ast.Delete) else node)),
        value=value,
        function=function.name if function else "<module>",
        first_line=function.lineno if function else 1,
        last_line=(function.end_lineno or function.lineno) if function else _last_line(tree),
        taker=taker,
        keyword=keyword,
        decisions=tuple(_decisions_around(node, above)),
    )


def _decisions_around(node: ast.AST, above: Mapping[ast.AST, ast.AST]) -> Iterator[Decision]:
    inner = node
    for up in _above(node, above):
        if isinstance(up, ast.FunctionDef | ast.AsyncFunctionDef):
            return
        if isinstance(up, ast.If | ast.IfExp) and inner is not up.test:
            branch = up.body if isinstance(up.body, list) else [up.body]
            if found := decision_of(up.test, is_met=inner in branch):
                yield found
        inner = up


def _taker(node: ast.AST, above: Mapping[ast.AST, ast.AST]) -> tuple[str, str]:
    """The call that gets the dictionary in which the node stands."""
    keyword, inner = "", node
    for up in _above(node, above):
        if isinstance(up, ast.keyword):
            keyword = up.arg or ""
        elif isinstance(up, ast.Call):
            # `os.environ.copy()` is itself no taker, what gets its result is
            if inner is not up.func:
                return dotted(up.func), keyword
        elif isinstance(up, ast.stmt):
            break
        inner = up
    return "", ""


def _above(node: ast.AST, above: Mapping[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    while (up := above.get(node)) is not None:
        yield up
        node = up


def _is_environ(node: ast.AST | None) -> bool:
    return node is not None and dotted(node) in ("os.environ", "environ")


def _is_whole(node: ast.AST, above: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether the environment as a whole is meant: not a variable of it, nor its change."""
    up = above.get(node)
    if isinstance(up, ast.Subscript) or (isinstance(up, ast.Attribute) and up.value is not node):
        return False
    if isinstance(up, ast.Attribute):
        return up.attr in ("copy", "items", "keys", "values")
    if isinstance(up, ast.Compare):
        return False
    return not isinstance(up, ast.alias | ast.Assign) or (isinstance(up, ast.Assign) and up.value is node)


def _receiver(call: ast.Call) -> ast.AST | None:
    return call.func.value if isinstance(call.func, ast.Attribute) else None


def _subject(node: ast.expr) -> tuple[str, bool]:
    """The name that a condition looks into, and whether case makes no difference."""
    ignores_case = False
    while isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("lower", "casefold", "upper"):
            ignores_case, node = True, node.func.value
        elif dotted(node.func) in ("str", "os.fspath") and node.args:
            node = node.args[0]
        else:
            return "", False
    if isinstance(node, ast.Attribute) and node.attr in ("name", "stem"):
        return dotted(node.value), ignores_case
    return dotted(node), ignores_case


def _sets_in_command(text: str, name: str) -> str:
    """The value that a command line or a line of a Dockerfile sets: `ENV X=50`, `X=50 python train.py`."""
    found = re.search(rf"(?:^|[\s;&]){re.escape(name)}=(\S+)", text) or re.search(
        rf"^ENV\s+{re.escape(name)}\s+(\S+)", text
    )
    return found.group(1) if found else ""


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _text_of(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _texts(node: ast.AST) -> list[str]:
    return [_text_of(each) for each in ast.walk(node)]


def _spelled(node: ast.AST) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _one_line(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= _LONGEST_TEXT else joined[: _LONGEST_TEXT - 1] + "…"


def _last_line(tree: ast.Module) -> int:
    return tree.body[-1].end_lineno or 1 if tree.body else 1
