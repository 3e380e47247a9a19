"""A folder says that its data is there, and is made before it is filled.

    if not os.path.exists("/data/cats"):
        os.makedirs("/data/cats")
        download("/data/cats")

A run that is interrupted in between leaves the folder, and every later run takes the part for the whole.
Fill a folder of another name beside it and rename it when it is full, or leave a file in it as the last
step and look for that file.

Bad:

    import os
    import urllib.request
    import modal

    app = modal.App("train")
    data = modal.Volume.from_name("data", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim(), volumes={"/data": data})
    def fetch():
        if not os.path.exists("/data/cats"):
            os.makedirs("/data/cats")
            urllib.request.urlretrieve("https://example.org/cats.bin", "/data/cats/cats.bin")

Good:

    import os
    import urllib.request
    import modal

    app = modal.App("train")
    data = modal.Volume.from_name("data", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim(), volumes={"/data": data})
    def fetch():
        if not os.path.exists("/data/cats"):
            os.makedirs("/data/cats.part", exist_ok=True)
            urllib.request.urlretrieve("https://example.org/cats.bin", "/data/cats.part/cats.bin")
            os.rename("/data/cats.part", "/data/cats")
"""

import ast
import re
from collections.abc import Iterator

from homeport.check.facts import Facts, Module
from homeport.check.findings import Finding
from homeport.check.syntax import (
    Scope,
    bodies,
    dotted,
    function_around,
    own_expressions,
    own_statements,
    reached_modules,
    scopes_with,
    site_of,
)

CODE = "HP307"

SHAPE = re.compile(r"makedirs|\bmkdir\b|extractall|unpack_archive|copytree")
WORDS = ("mkdir", "makedirs", "extractall", "unpack_archive", "copytree")
TESTS = frozenset(("os.path.exists", "os.path.isdir", "path.exists", "path.isdir", "exists", "isdir"))
TEST_METHODS = frozenset(("exists", "is_dir"))
MAKERS = frozenset(("os.makedirs", "os.mkdir", "makedirs", "mkdir"))
FILLERS = re.compile(
    r"download|fetch|extract|unpack|unzip|untar|clone|urlretrieve|snapshot|load_dataset|save_to_disk|copytree|"
    r"subprocess|check_call|check_output|os\.system|generate|preprocess|prepare|tokenize|convert|build|process|"
    r"write_|make_|create_|shutil\.copy|gdown|wget|requests\.get",
    re.IGNORECASE,
)
WHOLE = re.compile(
    r"extractall|unpack_archive|copytree"
)  # these make the folder themselves, as their first act
RENAMES = re.compile(r"(^|\.)(rename|replace|move|renames)$")


def check(facts: Facts) -> Iterator[Finding]:
    for module in reached_modules(facts):
        if not any(word in module.text for word in WORDS):  # a tenth of the pattern's time
            continue
        for scope in scopes_with(module, SHAPE):
            yield from _in(scope, module, facts)


def _in(scope: Scope, module: Module, facts: Facts) -> Iterator[Finding]:
    values = _assigned(scope)
    for body in _blocks(scope.body):
        for place, statement in enumerate(body):
            if not isinstance(statement, ast.If):
                continue
            folder, is_absent = _tested(statement.test)
            if folder is None:
                continue
            if is_absent:
                filling = statement.body
            elif _leaves(statement.body):
                filling = body[place + 1 :]
            else:
                filling = statement.orelse
            made = _made_before_filled(filling, folder, values)
            if made is None:
                continue
            name = ast.unparse(folder)
            yield Finding(
                CODE,
                site_of(module, made),
                f"the folder {name} is made before it is filled, and line {statement.lineno} takes it for "
                "full when it exists: what an interrupted run leaves is used as if it were all",
                "warning",
                function_around(facts, module, statement.lineno),
                f"fill a folder beside {name} and rename it when it is full",
                ("write a file such as .complete into it last, and look for that file",),
                related=((site_of(module, statement.test), "taken for full here"),),
            )


def _blocks(body: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    yield body
    for statement in body:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for inner in bodies(statement):
                yield from _blocks(inner)


def _tested(test: ast.expr) -> tuple[ast.expr | None, bool]:
    """The folder that a test asks for alone, and whether it is true where there is none.

    A test of more (`exists(d) and count(d) == 70`) asks for more than that it exists.
    """
    is_absent = False
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, is_absent = test.operand, not is_absent
    if isinstance(test, ast.Call):
        if dotted(test.func) in TESTS and len(test.args) == 1:
            return test.args[0], is_absent
        if isinstance(test.func, ast.Attribute) and test.func.attr in TEST_METHODS and not test.args:
            return test.func.value, is_absent
    return None, False


def _leaves(body: list[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Return | ast.Continue)


def _assigned(scope: Scope) -> dict[str, str]:
    """Names of the scope with what they are made of, to see that `target` is `Path(target)`."""
    return {
        statement.targets[0].id: ast.unparse(statement.value)
        for statement in own_statements(scope.body)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }


def _made_before_filled(body: list[ast.stmt], folder: ast.expr, values: dict[str, str]) -> ast.stmt | None:
    """The statement that makes the folder, where others follow that fill it and none renames."""
    wanted = _bare(folder, values)
    made: ast.stmt | None = None
    is_filled = False
    for statement in own_statements(body):
        if made is not None and isinstance(statement, ast.For | ast.While | ast.AsyncFor):
            is_filled = True
        for node in own_expressions(statement):
            if not isinstance(node, ast.Call):
                continue
            name = dotted(node.func)
            if (
                RENAMES.search(name)
                and (len(node.args) > 1 or not name.startswith("os."))
                and not _is_text(node)
            ):
                return None
            if made is None and _makes(node, name, wanted, values):
                made = statement
                is_filled = WHOLE.search(name) is not None
            elif made is not None and FILLERS.search(name):
                is_filled = True
    return made if is_filled else None


def _is_text(node: ast.Call) -> bool:
    """`text.replace("a", "b")`, which renames nothing."""
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "replace"
        and len(node.args) == 2
        and dotted(node.func) != "os.replace"
    )


def _makes(node: ast.Call, name: str, wanted: str, values: dict[str, str]) -> bool:
    if name in MAKERS and node.args:
        return _bare(node.args[0], values) == wanted
    if isinstance(node.func, ast.Attribute) and node.func.attr == "mkdir":
        return _bare(node.func.value, values) == wanted
    if WHOLE.search(name):
        targets = [*node.args, *(keyword.value for keyword in node.keywords)]
        return any(_bare(target, values) == wanted for target in targets)
    return False


def _bare(node: ast.expr, values: dict[str, str]) -> str:
    """How a path is written, without `Path()`, `str()` and one assignment."""
    while (
        isinstance(node, ast.Call)
        and dotted(node.func) in ("Path", "str", "pathlib.Path")
        and len(node.args) == 1
    ):
        node = node.args[0]
    text = ast.unparse(node)
    return re.sub(r"^(?:pathlib\.)?Path\((.*)\)$", r"\1", values.get(text, text))
