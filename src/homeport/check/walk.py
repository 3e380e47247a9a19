"""What a function's code does in its container, and what the entry file does where it is launched, in order.

The container imports the function's module (modal.is_local() is False, `__name__` its own), then runs the
function: the body, or of a class its enter methods, each method, and its exit methods. The modules that are
imported are followed once, functions and classes of the user's own where they are called, and shipped
scripts where a child process runs them. What that does is execution/.
"""

import ast
import posixpath
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from homeport.check.execution.calls import Calls
from homeport.check.execution.core import Reader, SpentError
from homeport.check.execution.expressions import Expressions
from homeport.check.execution.imports import Imports
from homeport.check.execution.objects import MADE, Instance, UserClass, UserFunction
from homeport.check.execution.processes import Processes
from homeport.check.execution.statements import Statements
from homeport.check.facts import (
    App,
    Container,
    Event,
    FoundModule,
    Function,
    Import,
    Launcher,
    MissingModule,
    Module,
    Placed,
    Resolution,
    UnprovenModule,
)
from homeport.check.values import Site, Unknown, Value

ENTERS = frozenset({"modal.enter", "modal.build", "modal.method.enter"})
EXITS = frozenset({"modal.exit"})


class Machine(Statements, Calls, Imports, Processes, Expressions):
    """One walk."""


def walk(
    function: Function,
    container: Container,
    sources: Reader,
    app: App,
    arguments: Mapping[str, Value] | None = None,
    *,
    is_sure: bool = True,
) -> tuple[Event, ...]:
    """What the code of a function does in its container, in order. `arguments` are those of its call, where
    they are known; with `is_sure` false it may be called with others.
    """
    machine = Machine(container, sources, app, is_local=False)
    machine.current = function
    try:
        import_entry(machine, function)
        machine.is_sure = is_sure
        run_function(machine, function, arguments or {})
    except SpentError:
        pass
    return tuple(machine.events)


def walk_launch(
    entry: Module,
    sources: Reader,
    app: App,
    launcher: Launcher,
    function: Function | None = None,
    arguments: Mapping[str, Value] | None = None,
) -> tuple[Event, ...]:
    """What importing the entry file does where `modal run` is typed; with `function`, a local entry point,
    also what its body does there.
    """
    machine = Machine(Here(entry, launcher), sources, app, is_local=True)
    try:
        machine.load(entry.name, FoundModule(str(entry.path), entry.path), None)
        if function is not None:
            run_function(machine, function, arguments or {})
    except SpentError:
        pass
    return tuple(machine.events)


def import_entry(machine: Machine, function: Function) -> None:
    """The container's own `importlib.import_module` of the function's module."""
    module = function.module
    resolution, chain = machine.resolve_all(module.name)
    is_shipped = isinstance(resolution, FoundModule) and resolution.source == module.path
    if isinstance(resolution, MissingModule) and function.options.get("serialized") is not True:
        machine.events.append(
            Import(
                module,
                "",
                function.site,
                True,
                frozenset(),
                (),
                name=module.name,
                member="",
                resolution=resolution,
                search_path=machine.search_path(),
            )
        )
    if is_shipped:
        for part, found in chain:
            if found.kind == "shipped":
                machine.process.roots.setdefault(part.partition(".")[0], machine.search_path())
                machine.load(part, found, None)
        return
    where = f"/root/{module.name.replace('.', '/')}.py"
    machine.load(module.name, FoundModule(where, module.path), None)


def run_function(machine: Machine, function: Function, arguments: Mapping[str, Value]) -> None:
    body = machine.bodies.get(id(function))
    machine.pending = ""
    if isinstance(body, UserFunction):
        machine.follow(body, (), {**of_any_call(body), **arguments}, None)
    elif isinstance(body, UserClass):
        run_class(machine, body)


def of_any_call(body: UserFunction) -> dict[str, Value]:
    """Arguments that nobody knows: a caller may give others than the defaults."""
    given = body.node.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    skipped = 1 if body.receiver is not None else 0
    return {name: Unknown(f"it is the argument {name}") for name in names[skipped:]}


def run_class(machine: Machine, body: UserClass) -> None:
    """Enter methods (those before a snapshot first), each method from the state after them, exit methods."""
    instance = machine.instantiate(body, (), {}, None)
    if not isinstance(instance, Instance):
        return
    enters, methods, exits = [], [], []
    for value in all_attributes(body).values():
        if isinstance(value, UserFunction):
            if value.marks & ENTERS:
                enters.append(value)
            elif value.marks & EXITS:
                exits.append(value)
            elif any(mark.startswith("modal.") for mark in value.marks):
                methods.append(value)
    enters.sort(key=lambda method: not is_before_snapshot(method))
    for method in enters:
        run_method(machine, method, instance)
    after = machine.place
    for method in methods:
        machine.place = after
        run_method(machine, method, instance)
    for method in exits:
        machine.place = after
        run_method(machine, method, instance)


def all_attributes(body: UserClass) -> dict[str, Value]:
    """A class's attributes with those of its bases, which come first."""
    found: dict[str, Value] = {}
    for base in reversed(body.bases):
        if isinstance(base, UserClass) and base is not body:
            found.update(all_attributes(base))
    return {**found, **body.attributes}


def run_method(machine: Machine, method: UserFunction, instance: Instance) -> None:
    bound = machine.bound(method, instance)
    machine.follow(bound, (), of_any_call(bound), None)
    machine.pending = ""


def is_before_snapshot(method: UserFunction) -> bool:
    """`@modal.enter(snap=True)`."""
    decorators = [] if isinstance(method.node, ast.Lambda) else method.node.decorator_list
    return any(
        keyword.arg == "snap" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True
        for decorator in decorators
        if isinstance(decorator, ast.Call)
        for keyword in decorator.keywords
    )


class Here:
    """The launcher's own machine as a container: what an import finds where `modal run` is typed."""

    python_version: str | Unknown
    has_unknown_secrets = True

    def __init__(self, entry: Module, launcher: Launcher) -> None:
        self.launcher = launcher
        self.python_version = launcher.python_version
        self.workdir: str | Unknown = str(launcher.folder)
        root = entry.path.parent
        for _ in range(entry.name.count(".")):
            root = root.parent
        self.search_path: tuple[str, ...] = (str(root), str(launcher.folder))
        self.environment: Mapping[str, tuple[Value, str, Site | None]] = {}
        self._at: dict[str, Placed | None] = {}

    def at(self, path: str) -> Placed | Unknown | None:
        if path not in self._at:
            real = Path(path)
            kind = "folder" if real.is_dir() else "file" if real.is_file() else ""
            self._at[path] = (
                Placed(PurePosixPath(path), kind, real, None, "image") if kind else None  # type: ignore[arg-type]
            )
        return self._at[path]

    def below(self, folder: str) -> tuple[Placed, ...]:
        return ()

    def nearest_file(self, path: str) -> Path | None:
        return None

    def is_installed(self, distribution: str) -> bool | Unknown:
        return MADE

    def find(self, module: str, search_path: tuple[str, ...]) -> Resolution:
        relative = module.replace(".", "/")
        top = module.partition(".")[0]
        if top in sys.builtin_module_names:
            return FoundModule("standard library", kind="stdlib")
        for folder in search_path:
            base = posixpath.join(folder, relative)
            if self.at(f"{base}/__init__.py"):
                return FoundModule(base, Path(f"{base}/__init__.py"))
            if self.at(f"{base}.py"):
                return FoundModule(f"{base}.py", Path(f"{base}.py"))
        if top in sys.stdlib_module_names:
            return FoundModule("standard library", kind="stdlib")
        if top in self.launcher.modules or top == "modal":
            return FoundModule(top, kind="distribution")
        for folder in search_path:
            if self.at(posixpath.join(folder, relative)):
                return FoundModule(posixpath.join(folder, relative), is_namespace=True)
        if not self.launcher.modules:
            return UnprovenModule("what the Python there can import is not known")
        return MissingModule()
