"""What a run does is decided by a piece of a path's name.

`if "smoke" in config_path.lower()` makes a file's name part of the configuration: a renamed file, a folder
called `smoke-results` above it, or a second configuration of nearly that name change what is run, and nothing
says so. Say it inside the file, and decide by what the file says.

Extensions, places (`startswith("/data")`) and schemes (`"s3://" in path`) are not decisions of this kind.

Bad:

    import modal

    app = modal.App("train")

    @app.function(image=modal.Image.debian_slim())
    def train(config_path: str = "configs/full.yaml"):
        limit = 50 if "smoke" in config_path.lower() else None
        print(limit)

Good:

    import json
    import modal

    app = modal.App("train")
    image = modal.Image.debian_slim().add_local_file("full.json", "/root/full.json")

    @app.function(image=image)
    def train(config_path: str = "/root/full.json"):
        if not config_path.endswith(".json"):
            raise ValueError(config_path)
        print(json.load(open(config_path))["limit_files"])
    # file: full.json
    {"limit_files": null}
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePath

from homeport.check.facts import Facts, Module
from homeport.check.findings import Finding
from homeport.check.syntax import (
    Scope,
    dotted,
    function_around,
    lines_with,
    own_expressions,
    own_statements,
    parameters_of,
    reached_modules,
    scopes_with,
    site_of,
    text_of,
)

CODE = "HP204"

SHAPE = re.compile(
    r"""["']\s(?:not\s)?in\s|\.(?:endswith|startswith|find)\(|\.(?:stem|name)\s[!=]=|re\.\w+\(|basename\(|fnmatch"""
)
CONFIG = re.compile(r"config|cfg|recipe|yaml", re.IGNORECASE)
PATH = re.compile(r"path|file|folder|dir|checkpoint|ckpt", re.IGNORECASE)
SPELLED_AS_PATH = re.compile(r"(path|file|filename|yaml|yml|toml)$", re.IGNORECASE)
EXTENSIONS = re.compile(
    r"""ya?ml|jsonl?|toml|ini|cfg|conf|py|txt|[ct]sv|md|xml|zip|tar|t?gz|bz2|zst|lz4|pth?|ckpt|bin|safetensors|
    parquet|np[yz]|h5|hdf5|pkl|pickle|onnx|gguf|edf|wav|flac|mp[34]|png|jpe?g|webp|tiff?""",
    re.IGNORECASE | re.VERBOSE,
)
SCHEMES = ("http", "https", "ftp", "file", "s3", "gs", "hf", "az")
SEARCHES = frozenset(f"re.{name}" for name in ("search", "match", "fullmatch", "findall")) | {
    "fnmatch.fnmatch",
    "fnmatch",
}


def check(facts: Facts) -> Iterator[Finding]:
    given = {
        parameter.name: parameter.annotation
        for function in facts.app.functions
        for parameter in function.parameters
    }
    for module in reached_modules(facts):
        if module is facts.entry or _speaks_of_configurations(module.text):
            lines = lines_with(module, SHAPE)
            for scope in scopes_with(module, SHAPE):
                yield from _in(scope, lines, module, facts, given)


def _speaks_of_configurations(text: str) -> bool:
    lowered = text.lower()  # in a tenth of the time of CONFIG
    return any(word in lowered for word in ("config", "cfg", "recipe", "yaml"))


def _in(
    scope: Scope, lines: list[int], module: Module, facts: Facts, given: dict[str, str | None]
) -> Iterator[Finding]:
    names = _Names(scope)
    for statement in own_statements(scope.body):
        if not any(statement.lineno <= line <= (statement.end_lineno or 0) for line in lines):
            continue
        for node in own_expressions(statement):
            if not isinstance(node, ast.Compare | ast.Call):
                continue
            for word, subject in _pieces(node):
                asked = names.path_in(subject)
                if asked is None or not _is_word(word):
                    continue
                if CONFIG.search(asked):
                    severity = "warning"
                elif asked in given and getattr(scope, "name", "") in _names_of_functions(facts):
                    severity = "note"
                else:
                    continue
                written = ast.unparse(node)
                yield Finding(
                    CODE,
                    site_of(module, node),
                    f"`{written}` decides by a piece of a path's name, {word!r} in {asked}: a file that is "
                    "renamed, or a folder above it, changes what is run",
                    "warning" if severity == "warning" else "note",
                    function_around(facts, module, node.lineno),
                    "say it inside the file that the path names, and decide by what the file says",
                    ("make it an argument of its own, such as --smoke",),
                )


def _names_of_functions(facts: Facts) -> set[str]:
    return {name for function in facts.app.functions for name in (function.node.name, *function.methods)}


def _pieces(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Literal texts that a test looks for, and the expression that it looks in."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = node.left, node.comparators[0]
        if isinstance(node.ops[0], ast.In | ast.NotIn) and (text := text_of(left)) is not None:
            yield text.strip("/"), right
        elif isinstance(node.ops[0], ast.Eq | ast.NotEq) and _is_part(left):
            yield text_of(right) or "", left
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("endswith", "startswith", "find"):
            first = node.args[0] if node.args else None
            for item in first.elts if isinstance(first, ast.Tuple) else [first]:
                text = text_of(item)
                if text is not None and not (node.func.attr == "startswith" and _is_place(text)):
                    yield text, node.func.value
        elif dotted(node.func) in SEARCHES and len(node.args) >= 2:
            pattern, subject = node.args[0], node.args[1]
            if dotted(node.func).startswith("fnmatch"):
                pattern, subject = subject, pattern
            if (text := text_of(pattern)) is not None:
                yield re.sub(r"\\.|[\^$*+?()\[\]|]", " ", text), subject


def _is_place(text: str) -> bool:
    return text.startswith(("/", "~", ".")) or text.endswith(("/", ":"))


def _is_part(node: ast.expr) -> bool:
    """`Path(x).stem`, `.name`, `os.path.basename(x)`."""
    if isinstance(node, ast.Attribute):
        return node.attr in ("stem", "name")
    return isinstance(node, ast.Call) and dotted(node.func).endswith("basename")


def _is_word(text: str) -> bool:
    """Whether it names what is run, and is no extension, place or scheme."""
    text = text.strip()
    if text.rstrip(":/").lower() in SCHEMES or "://" in text or text.startswith((".", "-", "__")):
        return False
    stem = PurePath(text).stem if "." in text else text
    if not re.search(r"[A-Za-z]{3}", stem) or EXTENSIONS.fullmatch(stem):
        return False
    return re.fullmatch(r"configs?", stem, re.IGNORECASE) is None


class _Names:
    """What names of a function stand for: parameters, and what was made of them."""

    def __init__(self, scope: Scope) -> None:
        self.annotations = {
            argument.arg: ast.unparse(argument.annotation) if argument.annotation else ""
            for argument in parameters_of(scope)
        }
        self.assigned: dict[str, ast.expr] = {}
        self.looped: set[str] = set()
        for statement in own_statements(scope.body):
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                self.assigned.setdefault(statement.targets[0].id, statement.value)
            elif isinstance(statement, ast.For | ast.AsyncFor):
                self.looped |= {node.id for node in ast.walk(statement.target) if isinstance(node, ast.Name)}

    def path_in(self, node: ast.expr, depth: int = 0) -> str | None:
        """The name of the path that an expression is made of (`config_path` of
        `Path(config_path).name.lower()`),
        None where it is no path that somebody gave.
        """
        bare, is_text = _bare(node)
        if isinstance(bare, ast.Name):
            if bare.id in self.looped:
                return None
            if bare.id in self.assigned and bare.id not in self.annotations and depth < 4:
                inner, inner_is_text = _bare(self.assigned[bare.id])
                if isinstance(inner, ast.Name | ast.Attribute) and inner is not bare:
                    is_inner_part = is_text or inner_is_text
                    return self._path(inner, is_inner_part) or self.path_in(inner, depth + 1)
        return self._path(bare, is_text)

    def _path(self, node: ast.expr, is_text: bool) -> str | None:
        if isinstance(node, ast.Name):
            name, annotation = node.id, self.annotations.get(node.id, "")
            if node.id in self.assigned:
                annotation = ""  # of the argument, not of what it holds now
        elif isinstance(node, ast.Attribute):
            name, annotation = node.attr, ""
        else:
            return None
        if not (CONFIG.search(name) or PATH.search(name)):
            return None
        if is_text or SPELLED_AS_PATH.search(name) or re.search(r"\b(str|Path)\b", annotation):
            return name
        return None


def _bare(node: ast.expr) -> tuple[ast.expr, bool]:
    """Without `.lower()`, `str()`, `Path()`, `.name` and the like; and whether there were any, so that it is
    a text.
    """
    is_text = False
    while True:
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if isinstance(node.func, ast.Attribute) and node.func.attr in (
                "lower",
                "upper",
                "casefold",
                "strip",
                "as_posix",
                "resolve",
            ):
                node = node.func.value
            elif name.rpartition(".")[2] in ("str", "Path", "PurePath", "basename", "fspath") and node.args:
                node = node.args[0]
            else:
                return node, is_text
            is_text = True
        elif isinstance(node, ast.Attribute) and node.attr in ("stem", "parts"):
            node, is_text = node.value, True
        elif isinstance(node, ast.Attribute) and node.attr == "name":
            node, is_text = node.value, False  # of a path or of a configuration: the rest has to tell
        elif isinstance(node, ast.Subscript) and (inner := _of_part(node.value)) is not None:
            node, is_text = inner, True
        else:
            return node, is_text


def _of_part(node: ast.expr) -> ast.expr | None:
    """What `x.split("/")[-1]`, `os.path.splitext(x)[0]` and `Path(x).parts[0]` are parts of."""
    if isinstance(node, ast.Attribute) and node.attr == "parts":
        return node.value
    if isinstance(node, ast.Call):
        if dotted(node.func).endswith("splitext") and node.args:
            return node.args[0]
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("split", "rsplit"):
            return node.func.value
    return None
