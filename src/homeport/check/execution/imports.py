"""Imports: what each finds, the modules that it runs, and what it binds."""

import ast
from dataclasses import replace
from functools import partial

from homeport.check.execution.core import Core, End, Frame, Guards
from homeport.check.execution.objects import MADE, External, Made, ModuleState, Variables
from homeport.check.facts import FoundModule, Import, MissingModule, Module, Resolution, UnprovenModule
from homeport.check.values import Unknown, Value

SOFT_GUARDS: Guards = frozenset({"try_import", "if", "loop", "except", "try"})
MAX_CHOICES = 24  # modules of a package that are followed where one of them is imported


class Imports(Core):
    def run_import(self, node: ast.Import) -> None:
        for alias in node.names:
            value = self.import_module(alias.name, alias)
            if not alias.asname:
                top = alias.name.partition(".")[0]
                value = self.process.modules.get(top, value if top == alias.name else External(top))
            self.frame.variables[alias.asname or alias.name.partition(".")[0]] = value

    def run_import_from(self, node: ast.ImportFrom) -> None:
        name = self.absolute_name(node.module or "", node.level)
        if name is None:
            self.emit_relative(node)
            for alias in node.names:
                self.frame.variables[alias.asname or alias.name] = MADE
            return
        for alias in node.names:
            value = self.import_module(name, node, member=alias.name, member_at=alias)
            if alias.name != "*":
                self.frame.variables[alias.asname or alias.name] = value

    def absolute_name(self, module: str, level: int) -> str | None:
        if not level:
            return module
        package = self.frame.state.package
        parts = package.split(".") if package else []
        if level > len(parts):
            return None
        base = ".".join(parts[: len(parts) - level + 1])
        return f"{base}.{module}" if module else base

    def emit_relative(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.emit(
                Import,
                node,
                name="." * node.level + (node.module or ""),
                member=alias.name,
                member_site=self.site(alias),
                resolution=MissingModule(),
                search_path=self.search_path(),
            )

    def import_module(
        self, name: str, node: ast.AST, *, member: str = "", member_at: ast.AST | None = None
    ) -> Value:
        """Follows an import of a dotted name, or of a member of it; what it gives."""
        resolution, chain = self.resolve_all(name)
        at = len(self.events)
        self.emit(
            Import, node, name=name, member=member, resolution=resolution, search_path=self.search_path()
        )
        is_emitted = len(self.events) > at
        value = self.load_all(chain, node)
        if member == "*" and not isinstance(value, ModuleState):
            self.frame.state.is_open = True
        if not isinstance(resolution, FoundModule):
            return MADE
        if not isinstance(value, ModuleState):
            value = External(name)
        if not member:
            return value
        if not isinstance(value, ModuleState):
            return self.constant_of(f"{name}.{member}") if member != "*" else MADE
        found, has_member = self.member_of(value, member, node)
        if is_emitted:
            site = self.site(member_at) if member_at else None
            self.events[at] = replace(
                self.events[at],
                has_member=has_member,  # type: ignore[call-arg]
                member_site=site,
            )
        return found

    def note_import(self, name: str, node: ast.AST, resolution: Resolution) -> None:
        self.emit(Import, node, name=name, member="", resolution=resolution, search_path=self.search_path())

    def resolve_all(self, name: str) -> tuple[Resolution, list[tuple[str, FoundModule]]]:
        """What a dotted name is, and the packages and the module that its import runs, in order."""
        chain: list[tuple[str, FoundModule]] = []
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            part = ".".join(parts[:count])
            known = self.process.modules.get(part)
            if known is not None and known.file == "sys.modules":
                stand_in = FoundModule(known.file, kind="distribution")
                return stand_in, [*chain, (part, stand_in)]
            if known is None or known.module is None:
                resolution = self.resolve(part)
            else:
                resolution = FoundModule(known.file, known.module.path)
            if not isinstance(resolution, FoundModule):
                return resolution, chain
            chain.append((part, resolution))
            if count == 1 and resolution.kind != "shipped" and len(parts) > 1:
                return self.resolve(name), chain
        return resolution, chain

    def load_all(self, chain: list[tuple[str, FoundModule]], node: ast.AST) -> Value:
        value: Value = MADE
        for part, found in chain:
            if found.kind != "shipped":
                return MADE
            top = part.partition(".")[0]
            if part == top and top not in self.process.roots:
                self.process.roots[top] = self.search_path()
            parent = value
            value = self.load(part, found, node)
            if isinstance(parent, ModuleState):
                parent.variables.setdefault(part.rpartition(".")[2], value)
        return value

    def load(self, name: str, found: FoundModule, node: ast.AST | None) -> ModuleState:
        """A shipped module, followed when it is first imported (again when only then it is certain)."""
        state = self.process.modules.get(name)
        is_certain = self.is_certain and not self.guards & SOFT_GUARDS
        if state and (state.is_loading or state.is_certain or not is_certain or state.module is None):
            return state
        if state is None:
            state = self.process.modules[name] = self.new_state(name, found)
        if state.module:
            self.run_module(state, node, is_certain)
        return state

    def new_state(self, name: str, found: FoundModule) -> ModuleState:
        if found.is_namespace:
            return ModuleState(name, None, found.where, is_package=True)
        if found.source is None or found.source.suffix != ".py":
            return ModuleState(name, None, found.where, is_package=True, is_open=True)
        module = self.sources.read(found.source, name)
        is_package = found.source.name == "__init__.py"
        file = found.where
        if is_package and not file.endswith("__init__.py"):
            file = f"{file}/__init__.py"
        return ModuleState(name, module, file, is_package, is_open=bool(module.error))

    def run_module(self, state: ModuleState, node: ast.AST | None, is_certain: bool, main: str = "") -> None:
        """Runs a module's top level. `main` is its `__name__` where that is not its own."""
        assert state.module
        via = self.via
        if node is not None and self.frame.state.module:
            self.via = (*via, self.site(node))
        state.is_loading, state.is_certain = True, is_certain
        state.variables["__name__"] = main or state.name
        state.variables["__file__"] = state.file
        state.variables["__package__"] = state.package
        state.variables["__doc__"] = MADE
        certain = self.is_certain
        self.stack.append(self.frame)
        before = self.is_sure, self.frame
        self.frame, self.is_sure = Frame(state, "", state.variables), certain
        try:
            end = self.run_block(state.module.tree.body)
        finally:
            self.stack.pop()
            self.is_sure, self.frame = before
            self.via = via
            state.is_loading = False
        if end in ("raise", "exit"):
            self.pending = end
            state.is_open = True  # the rest of it was not followed

    def member_of(self, state: ModuleState, member: str, node: ast.AST) -> tuple[Value, bool | None]:
        """What `from state import member` binds, and whether there is such a member."""
        if member == "*":
            self.take_all(state)
            return MADE, None
        if member in state.variables:
            return state.variables[member], True
        if state.is_package or state.module is None:
            name = f"{state.name}.{member}"
            found = self.resolve(name)
            if isinstance(found, FoundModule):
                return self.load(name, found, node), True
            if isinstance(found, UnprovenModule):
                return MADE, None
            return MADE, None if self.may_define(state, member) else False
        return MADE, None if self.may_define(state, member) else False

    def may_define(self, state: ModuleState, member: str) -> bool:
        """Whether a name that was not seen may be there all the same."""
        if state.is_open or state.is_loading or state.module is None or state.module.error:
            return state.module is not None or state.is_open
        return "__getattr__" in state.variables or member in declared_globals(state.module)

    def take_all(self, state: ModuleState) -> None:
        names = state.variables.get("__all__")
        variables: Variables = state.variables
        if isinstance(names, tuple) and all(isinstance(name, str) for name in names):
            chosen = {name: variables.get(name, MADE) for name in names}
        else:
            chosen = {name: value for name, value in variables.items() if not name.startswith("_")}
        self.frame.variables.update(chosen)
        if state.is_open or state.module is None:
            self.frame.state.is_open = True

    def import_by_call(self, name: Value, package: Value, node: ast.Call) -> Value:
        """importlib.import_module("a.b"), import_module(".b", package), __import__("a")."""
        if not isinstance(name, str) or not name:
            why = name if isinstance(name, Unknown) else Unknown("it is made while the app runs")
            self.emit(
                Import,
                node,
                name=why,
                member="",
                resolution=UnprovenModule("its name is not known"),
                search_path=self.search_path(),
            )
            self.import_begun(why.begins, node)
            return MADE
        if name.startswith("."):
            if not isinstance(package, str):
                return MADE
            level = len(name) - len(name.lstrip("."))
            parts = package.split(".")
            if level > len(parts):
                return MADE
            name = ".".join([*parts[: len(parts) - level + 1], name.lstrip(".")]).rstrip(".")
        return self.import_module(name, node)

    def import_begun(self, begins: str, node: ast.Call) -> None:
        """import_module(f"tasks.{name}"): `tasks` is imported for certain, and one of what it holds."""
        package, dot, start = begins.rpartition(".")
        if not dot or not package or begins.startswith("."):
            return
        value = self.import_module(package, node)
        if not isinstance(value, ModuleState) or not value.file:
            return
        folder = value.file.removesuffix("/__init__.py")
        names = [
            placed.path.stem
            for placed in self.container.below(folder)
            if placed.path.suffix == ".py" and str(placed.path.parent) == folder
        ]
        for name in names[:MAX_CHOICES]:
            if name.startswith(start) and not name.startswith("__"):
                self.branches([self.pass_by, partial(self.import_choice, f"{package}.{name}", node)])

    def pass_by(self) -> End:
        return ""

    def import_choice(self, name: str, node: ast.Call) -> End:
        with self.under(is_sure=False):
            self.import_module(name, node)
        return ""

    def find_spec(self, name: Value) -> Value:
        """importlib.util.find_spec: None where there is no such module."""
        if not isinstance(name, str) or name.startswith("."):
            return MADE
        found, _ = self.resolve_all(name)
        if isinstance(found, MissingModule):
            return None
        return Made("importlib.util.find_spec") if isinstance(found, UnprovenModule) else External(name)


def declared_globals(module: Module) -> frozenset[str]:
    """Names that functions of a module declare global: they may be set by a call."""
    return frozenset(
        name for node in ast.walk(module.tree) if isinstance(node, ast.Global) for name in node.names
    )
