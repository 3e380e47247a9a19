"""What `modal run` makes of its arguments: which function is meant, and which options it has.

As the client's own run.py and import_refs.py do it, with click: an option for each parameter, `_` written
`-`, `--x/--no-x` for a bool, no positional arguments. A test holds this against the client.
"""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from homeport.check.facts import Facts, Function, Parameter
from homeport.check.values import Site

_WEB = ("fastapi_endpoint", "web_endpoint", "asgi_app", "wsgi_app", "web_server")
_TYPES = {"str": "str", "int": "int", "float": "float", "bool": "bool"}
_REFUSED = re.compile(
    r"(?:typing\.)?(?:Any|Union|Sequence|Iterable|Mapping|Callable|List|Dict|Tuple|Set)\b"
    r"|(?:list|dict|tuple|set|frozenset|bytes|object|complex)\b"
    r"|(?:pathlib\.)?Path$|datetime\.(?:date|time|timedelta)$|decimal\.Decimal$|None\s*\|"
)


@dataclass(frozen=True)
class Runnable:
    """What `modal run` can start: a function, a local entry point, or a method of a class "
    "("Model.predict")."""

    function: Function
    method: str
    names: tuple[str, ...]  # in the order in which the client prefers them, without the app's variable
    priority: int

    @property
    def name(self) -> str:
        return self.names[0]


@dataclass(frozen=True)
class Option:
    """An option of the command line. `kind` is str, int, float, bool, datetime, choice, any, "" for a type
    that has no option, or "?" where the type is not known.
    """

    flag: str  # without dashes
    kind: str
    is_required: bool
    choices: tuple[str, ...]
    annotation: str
    site: Site


def runnables(facts: Facts) -> tuple[Runnable, ...]:
    """Everything that can be run by its name, web functions left out as the client does."""
    found = []
    for function in facts.app.functions:
        is_here = function.module.path == facts.entry.path and _is_at_top(facts, function)
        python_name = function.node.name
        if function.kind == "class":
            for method, (node, _) in function.methods.items():
                if _is_called(node):
                    name = f"{python_name}.{method}"
                    found.append(Runnable(function, method, (name,), 1 if is_here else 3))
        elif not any(name.rpartition(".")[2] in _WEB for name in function.decorators):
            is_local = function.kind == "local_entrypoint"
            names = (python_name,) if is_here else (function.name,)
            found.append(
                Runnable(function, "", names, (0 if is_local else 1) if is_here else 2 + (not is_local))
            )
    return tuple(found)


def _is_at_top(facts: Facts, function: Function) -> bool:
    """Whether the module has it under its name: not what is made inside a function."""
    return any(
        node is function.node or function.node in ast.walk(node)
        for node in facts.entry.tree.body
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        or node is function.node
    )


def _is_called(node: ast.AST) -> bool:
    """Whether a class's method is one that is called: neither a web function, nor one of its life."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    names = [ast.unparse(each.func if isinstance(each, ast.Call) else each) for each in decorators]
    return any(name.rpartition(".")[2] in ("method", "batched") for name in names)


def matching(facts: Facts, asked: str) -> tuple[Runnable, ...]:
    """What `asked`, the text behind `::`, names; everything where it is empty."""
    everything = runnables(facts)
    if not asked:
        return everything
    found = tuple(each for each in everything if _has(each, asked))
    if found or "." not in asked:
        return found or (everything if _is_app(facts, asked) else ())
    owner, _, rest = asked.partition(".")  # the app's variable comes first
    if not _is_app(facts, owner):
        return ()
    return tuple(each for each in everything if _has_in_app(each, rest))


def _has(runnable: Runnable, asked: str) -> bool:
    return any(name == asked or name.startswith(f"{asked}.") for name in runnable.names)


def _has_in_app(runnable: Runnable, asked: str) -> bool:
    name = runnable.function.name + (f".{runnable.method}" if runnable.method else "")
    return name == asked or name.startswith(f"{asked}.")


def _is_app(facts: Facts, name: str) -> bool:
    """Whether the entry file may call an app so."""
    for node in facts.entry.tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in node.targets
        ):
            return True
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            return True
        if isinstance(node, ast.ImportFrom) and any((n.asname or n.name) == name for n in node.names):
            return True
    return False


def meant(facts: Facts) -> Runnable | None:
    """The one that the command runs; None where it says no one, or nothing is asked."""
    return the_one(facts, facts.command.function) if facts.command is not None else None


def the_one(facts: Facts, asked: str) -> Runnable | None:
    """What the client takes `asked` for; None where that is nothing, or several."""
    found = matching(facts, asked)
    best = [each for each in found if each.priority == min(other.priority for other in found)]
    return best[0] if len(best) == 1 else None


def chosen(facts: Facts) -> Function | None:
    runnable = meant(facts)
    return runnable.function if runnable is not None else None


# ---- options


def parameters(runnable: Runnable) -> tuple[Parameter, ...]:
    """The parameters of what is run; of a method the class's own first."""
    function = runnable.function
    if not runnable.method:
        return function.parameters
    _, own = function.methods[runnable.method]
    own = own[1:] if own and own[0].name in ("self", "cls") else own
    return (*_of_class(function), *own)


def _of_class(function: Function) -> tuple[Parameter, ...]:
    """`name: type = modal.parameter(default=…)` in the class's body."""
    found = []
    for node in function.node.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        value = node.value
        if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] == "parameter":
            words = {word.arg: ast.unparse(word.value) for word in value.keywords}
            site = Site(function.module.path, node.lineno, node.col_offset)
            default = words.get("default", "None" if words.get("init") == "False" else None)
            annotation = ast.unparse(node.annotation)
            found.append(Parameter(node.target.id, annotation, default, "keyword", site))
    return tuple(found)


def has_own_constructor(function: Function) -> bool:
    """Whether a class has an `__init__` of its own, whose parameters the client would take."""
    return any(isinstance(node, ast.FunctionDef) and node.name == "__init__" for node in function.node.body)


def takes_anything(runnable: Runnable) -> bool:
    """`*args` alone: the client passes all arguments on as they are."""
    given = parameters(runnable)
    return len(given) == 1 and given[0].kind == "var_positional"


def options(runnable: Runnable, facts: Facts) -> tuple[Option, ...]:
    return tuple(
        _option(parameter, facts) for parameter in parameters(runnable) if parameter.kind != "var_positional"
    )


def _option(parameter: Parameter, facts: Facts) -> Option:
    kind, choices = _kind(parameter.annotation, facts)
    return Option(
        parameter.name.replace("_", "-"),
        kind,
        parameter.default is None,
        choices,
        parameter.annotation or "",
        parameter.site,
    )


def _kind(annotation: str | None, facts: Facts) -> tuple[str, tuple[str, ...]]:
    """The kind of option of a type as it is written, and a Literal's choices."""
    if annotation is None:
        return "any", ()
    text = annotation.strip()
    if text[:1] in "'\"" and text[-1:] == text[:1]:
        text = text[1:-1].strip()
    inner = re.fullmatch(r"(?:typing\.|t\.)?Optional\[(.*)\]", text) or re.fullmatch(
        r"([\w.]+)\s*\|\s*None", text
    )
    literal = re.fullmatch(r"(?:typing\.|t\.)?Literal\[(.*)\]", text, re.DOTALL)
    if literal:
        return _choices(literal[1])
    name = inner[1].strip() if inner else text
    if name in _TYPES and not _is_own(name, facts):
        return name, ()
    if name in ("datetime.datetime", "datetime"):
        return (
            ("datetime", ())
            if name != "datetime" or "from datetime import" in facts.entry.text
            else ("?", ())
        )
    if inner and re.match(r"(?:typing\.)?Literal\[", name):
        return "", ()
    if _REFUSED.match(name) and not _is_own(name.partition("[")[0], facts):
        return "", ()
    if re.fullmatch(r"(?:\w+\s*\|\s*)+\w+", text) and "None" not in text:
        return "", ()  # int | str
    return "?", ()


def _is_own(name: str, facts: Facts) -> bool:
    """Whether the entry file defines something of that name itself."""
    return any(getattr(node, "name", None) == name for node in facts.entry.tree.body) or bool(
        re.search(rf"^{re.escape(name)}\s*=", facts.entry.text, re.MULTILINE)
    )


def _choices(text: str) -> tuple[str, tuple[str, ...]]:
    try:
        values = ast.literal_eval(f"({text},)")
    except (ValueError, SyntaxError):
        return "?", ()
    if all(isinstance(value, str) for value in values):
        return "choice", tuple(values)
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return "choice", tuple(map(str, values))
    return "", ()


# ---- arguments


@dataclass(frozen=True)
class Given:
    """The arguments as click takes them apart: `values` by flag, `unknown` options and `extra` words as
    typed, `without` options that lack their value, `with_value` flags that were given one.
    """

    values: dict[str, str]
    unknown: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    with_value: tuple[str, ...] = ()
    is_help: bool = False


def take_apart(arguments: Sequence[str], known: Sequence[Option]) -> Given:
    by_flag = {f"--{option.flag}": option for option in known}
    by_flag |= {f"--no-{option.flag}": option for option in known if option.kind == "bool"}
    values: dict[str, str] = {}
    unknown, extra, without, with_value = [], [], [], []
    rest = list(arguments)
    is_help = False
    while rest:
        word = rest.pop(0)
        if word == "--":
            extra += rest
            break
        if not word.startswith("-") or len(word) == 1:
            extra.append(word)
            continue
        flag, equals, value = word.partition("=")
        if flag == "--help":
            is_help = True
        elif (option := by_flag.get(flag)) is None:
            unknown.append(flag)
        elif option.kind == "bool":
            if equals:
                with_value.append(flag)
            values[option.flag] = "no" if flag.startswith("--no-") and flag != f"--{option.flag}" else "yes"
        elif equals or rest:
            values[option.flag] = value if equals else rest.pop(0)
        else:
            without.append(flag)
    return Given(values, tuple(unknown), tuple(extra), tuple(without), tuple(with_value), is_help)
