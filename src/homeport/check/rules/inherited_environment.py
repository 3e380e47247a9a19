"""A child process gets the whole environment, which the function changes in one branch only.

    env = os.environ.copy()
    if smoke:
        env["LIMIT_FILES"] = "50"
    subprocess.run(command, env=env)

Where the branch is not taken the child still has what the container has of that name: what a Secret or the
image hands over, such as a variable captured from the launcher's shell. Where `os.environ` itself is
changed it is worse: the container's next call still has what this one set. Set the variable in both cases,
or remove it in the other.

A change that is made in every case is a note: nothing says which variables the child goes by. Settings of
Python and of libraries, such as `env["PYTHONUNBUFFERED"] = "1"`, are left alone.

Bad:

    import os
    import subprocess
    import modal

    app = modal.App("train")

    @app.function(image=modal.Image.debian_slim())
    def train(smoke: bool = False):
        if smoke:
            os.environ["LIMIT_FILES"] = "50"
        subprocess.run(["env"], check=True)

Good:

    import os
    import subprocess
    import modal

    app = modal.App("train")

    @app.function(image=modal.Image.debian_slim())
    def train(smoke: bool = False):
        env = os.environ.copy()
        env["PYTHONUNBUFFERED"] = "1"
        if smoke:
            env["LIMIT_FILES"] = "50"
        else:
            env.pop("LIMIT_FILES", None)
        subprocess.run(["env"], env=env, check=True)
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from homeport.check.facts import Facts, Module, Secret
from homeport.check.findings import Finding, Severity
from homeport.check.syntax import (
    Scope,
    dotted,
    function_around,
    own_expressions,
    reached_modules,
    scopes_with,
    site_of,
    text_of,
)
from homeport.check.values import parts_from_shell
from homeport.check.variables import is_given_by_itself, is_setting_of_library

CODE = "HP205"

SHAPE = re.compile(r"\benviron\b")
ENVIRON = ("os.environ", "environ")
STARTS = re.compile(
    r"^(subprocess\.)?(run|Popen|call|check_call|check_output)$|^os\.(system|popen|exec\w+|spawn\w+|posix_spawnp?)$|"
    r"^asyncio\.create_subprocess_(exec|shell)$"
)


@dataclass(frozen=True)
class _Change:
    """A change of a variable."""

    name: str  # of the variable
    target: str  # "os.environ", or the copy that is changed
    node: ast.stmt
    branches: tuple[tuple[ast.If, str], ...]  # the ifs around it, outermost first, with "body" or "orelse"


@dataclass(frozen=True)
class _Start:
    """The start of a child process."""

    node: ast.Call
    environment: str  # what the child gets: "os.environ", or the name of a copy
    is_given: bool  # by `env=`


def check(facts: Facts) -> Iterator[Finding]:
    for module in reached_modules(facts):
        if "environ" not in module.text:  # a tenth of the pattern's time
            continue
        for scope in scopes_with(module, SHAPE):
            seen = _Seen()
            seen.read(scope.body)
            yield from _judge(seen, scope, module, facts)


class _Seen:
    """What a scope does with the environment, in order."""

    def __init__(self) -> None:
        self.copies: set[str] = set()
        self.changes: list[_Change] = []
        self.starts: list[_Start] = []

    def read(self, body: list[ast.stmt], branches: tuple[tuple[ast.If, str], ...] = ()) -> None:
        for statement in body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            self._statement(statement, branches)
            if isinstance(statement, ast.If):
                self.read(statement.body, (*branches, (statement, "body")))
                self.read(statement.orelse, (*branches, (statement, "orelse")))
                continue
            for name in ("body", "orelse", "finalbody"):
                self.read(getattr(statement, name, []), branches)
            for handler in getattr(statement, "handlers", ()):
                self.read(handler.body, branches)

    def _statement(self, statement: ast.stmt, branches: tuple[tuple[ast.If, str], ...]) -> None:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    if _is_whole(statement.value, self.copies):
                        self.copies.add(target.id)
                        for name in _set_at_once(statement.value):
                            self.changes.append(_Change(name, target.id, statement, branches))
                    else:
                        self.copies.discard(target.id)
                elif isinstance(target, ast.Subscript):
                    self._change(target.value, target.slice, statement, branches)
        elif isinstance(statement, ast.Delete):
            for target in statement.targets:
                if isinstance(target, ast.Subscript):
                    self._change(target.value, target.slice, statement, branches)
        for node in own_expressions(statement):
            if isinstance(node, ast.Call):
                self._call(node, statement, branches)

    def _call(self, node: ast.Call, statement: ast.stmt, branches: tuple[tuple[ast.If, str], ...]) -> None:
        name = dotted(node.func)
        if STARTS.search(name):
            given = next((keyword.value for keyword in node.keywords if keyword.arg == "env"), None)
            if (
                name.startswith("os.") and name.endswith("e") and node.args
            ):  # execve and the like: the last one
                given = node.args[-1]
            environment = "os.environ" if given is None else self._environment(given)
            if environment:
                self.starts.append(_Start(node, environment, given is not None))
        if not isinstance(node.func, ast.Attribute):
            return
        target = node.func.value
        if node.func.attr == "pop" and node.args:
            self._change(target, node.args[0], statement, branches)
        elif node.func.attr == "update":
            for keyword in node.keywords:
                if keyword.arg:
                    self._change(target, ast.Constant(keyword.arg), statement, branches)
            for argument in node.args:
                for key in argument.keys if isinstance(argument, ast.Dict) else ():
                    if key is not None:
                        self._change(target, key, statement, branches)

    def _environment(self, node: ast.expr) -> str:
        written = dotted(node)
        if written in self.copies:
            return written
        return "os.environ" if written in ENVIRON or _is_whole(node, self.copies) else ""

    def _change(
        self,
        target: ast.expr,
        key: ast.expr,
        statement: ast.stmt,
        branches: tuple[tuple[ast.If, str], ...],
    ) -> None:
        written, name = dotted(target), text_of(key)
        if name is not None and (written in ENVIRON or written in self.copies):
            self.changes.append(
                _Change(name, "os.environ" if written in ENVIRON else written, statement, branches)
            )


def _is_whole(node: ast.expr, copies: set[str]) -> bool:
    """`os.environ.copy()`, `dict(os.environ, …)`, `{**os.environ, …}`, `os.environ | …`, or a copy of such a
    copy.
    """
    if isinstance(node, ast.Call):
        written = dotted(node.func)
        if written.removesuffix(".copy") in (*ENVIRON, *copies) and written.endswith(".copy"):
            return True
        return (
            written in ("dict", "copy.copy", "copy.deepcopy")
            and bool(node.args)
            and _is_whole_name(node.args[0], copies)
        )
    if isinstance(node, ast.Dict):
        return any(
            key is None and _is_whole_name(value, copies)
            for key, value in zip(node.keys, node.values, strict=True)
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return any(
            _is_whole_name(part, copies) or _is_whole(part, copies) for part in (node.left, node.right)
        )
    return False


def _set_at_once(node: ast.expr) -> Iterator[str]:
    """The names in `{**os.environ, "X": "1"}` and `dict(os.environ, X="1")`."""
    if isinstance(node, ast.Dict):
        yield from (name for key in node.keys if key is not None and (name := text_of(key)))
    elif isinstance(node, ast.Call):
        yield from (keyword.arg for keyword in node.keywords if keyword.arg)
    elif isinstance(node, ast.BinOp):
        yield from _set_at_once(node.left)
        yield from _set_at_once(node.right)


def _is_whole_name(node: ast.expr, copies: set[str]) -> bool:
    return dotted(node) in (*ENVIRON, *copies)


def _judge(seen: _Seen, scope: Scope, module: Module, facts: Facts) -> Iterator[Finding]:
    said: set[str] = set()
    for change in seen.changes:
        start = next((start for start in seen.starts if _gets(start, change)), None)
        if start is None or change.name in said:
            continue
        function = function_around(facts, module, change.node.lineno)
        if change.branches and not _is_balanced(change, seen.changes):
            said.add(change.name)
            yield _finding(change, start, module, function, _severity(change, facts))
        elif (
            not change.branches
            and start.is_given
            and not _is_removal(change)
            and not _is_setting(change.name)
        ):
            said.add(change.name)
            yield _of_every_case(change, start, module, function)


def _is_removal(change: _Change) -> bool:
    return isinstance(change.node, ast.Delete) or ".pop(" in ast.unparse(change.node)


def _is_setting(name: str) -> bool:
    return is_given_by_itself(name) or is_setting_of_library(name) or name.endswith("_NUM_THREADS")


def _of_every_case(change: _Change, start: _Start, module: Module, function: str) -> Finding:
    return Finding(
        CODE,
        site_of(module, change.node),
        f"{change.name} is changed in an environment that a child process gets whole: what it goes by is "
        "this and whatever else the container has, from Secrets, the image or an earlier call",
        "note",
        function,
        "give the child a dictionary of the variables that it is meant to have",
        (f"make {change.name} an argument on the child's command line",),
        related=((site_of(module, start.node), "the child process is started here"),),
    )


def _gets(start: _Start, change: _Change) -> bool:
    return start.node.lineno >= change.node.lineno and start.environment == change.target


def _is_balanced(change: _Change, changes: list[_Change]) -> bool:
    """Whether the same variable is set or removed where this branch is not taken, too, or the branch asks for
    it.
    """
    condition, branch = change.branches[-1]
    if any(text_of(node) == change.name for node in ast.walk(condition.test)):
        return True  # a default, for where nobody gave it
    for other in changes:
        if other is change or other.name != change.name or other.target != change.target:
            continue
        if (
            len(other.branches) < len(change.branches)
            and other.branches == change.branches[: len(other.branches)]
        ):
            return True  # around it, in every case
        if other.branches[: len(change.branches)] == (
            *change.branches[:-1],
            (condition, "orelse" if branch == "body" else "body"),
        ):
            return True
    return False


def _severity(change: _Change, facts: Facts) -> Severity:
    """A copy is wrong only where something else gives the variable; what changes os.environ stays for the
    next call.
    """
    if change.target == "os.environ":
        return "warning"
    if any(change.name in container.environment for container in facts.containers.values()):
        return "warning"
    for function in facts.source_app.functions:
        given = [secret.args for secret in function.secrets if isinstance(secret, Secret)]
        if any(
            part.name in (None, change.name)
            for part in parts_from_shell((*given, function.options.get("env")))
        ):
            return "warning"
    return "note"


def _finding(change: _Change, start: _Start, module: Module, function: str, severity: Severity) -> Finding:
    condition = ast.unparse(change.branches[-1][0].test)
    does = "removed" if _is_removal(change) else "set"
    if change.target == "os.environ":
        otherwise = "the container's next call, and its child processes, still have it"
    else:
        otherwise = "otherwise the child process has what the container happens to have of that name"
    other = f'{change.target}.pop("{change.name}", None)' if does == "set" else f"{change.target}[…] = …"
    return Finding(
        CODE,
        site_of(module, change.node),
        f"{change.name} is {does} only where `{condition}`, in an environment that a child process gets "
        f"whole: {otherwise}",
        severity,
        function,
        f"say what it is in the other case, too: {other}",
        ("give the child a dictionary of the variables that it is meant to have",),
        related=((site_of(module, start.node), "the child process is started here"),),
    )
