"""An app's sources as faults are planted into them: where things stand, and text with pieces replaced."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from benchmarks.check.apps import App

STEPS = frozenset(
    {
        "debian_slim",
        "from_registry",
        "pip_install",
        "uv_pip_install",
        "pip_install_from_requirements",
        "pip_install_from_pyproject",
        "apt_install",
        "run_commands",
        "env",
        "workdir",
        "entrypoint",
        "add_local_file",
        "add_local_dir",
        "add_local_python_source",
    }
)
LIBRARIES = {
    "numpy": "numpy",
    "pyyaml": "yaml",
    "tqdm": "tqdm",
    "scipy": "scipy",
    "torch": "torch",
    "einops": "einops",
    "pydantic": "pydantic",
    "regex": "regex",
}
"""Distribution to module, of those that the apps install and import."""


@dataclass(frozen=True)
class Place:
    """Lines of a file of the app."""

    file: str
    first: int
    last: int


@dataclass(frozen=True)
class Plant:
    """An app with one fault. `changes` are its files' new texts, None where one is taken away.

    A finding of one of `codes` is this fault's if it stands in one of `places`, or says one of `words`.
    """

    fault: str
    app: str
    what: str
    changes: Mapping[str, str | None]
    codes: tuple[str, ...]
    places: tuple[Place, ...] = ()
    words: tuple[str, ...] = ()
    function: str = ""
    arguments: tuple[str, ...] | None = None
    variables: frozenset[str] = frozenset()
    server_secrets: frozenset[str] | None = None
    is_detached: bool = False


@dataclass
class Source:
    """A Python file, named from the app's root."""

    file: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.text.encode().splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def start(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def with_span(self, start: int, end: int, new: str) -> str:
        """The text with the bytes between two offsets replaced."""
        raw = self.text.encode()
        return (raw[:start] + new.encode() + raw[end:]).decode()

    def with_node(self, node: ast.expr | ast.stmt, new: str) -> str:
        return self.with_span(self.start(node), self.end(node), new)

    def segment(self, node: ast.expr | ast.stmt) -> str:
        return ast.get_source_segment(self.text, node) or ""

    def place(self, node: ast.expr | ast.stmt) -> Place:
        """Its lines; of a chain's call those from its own name on."""
        first = node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            first = node.func.value.end_lineno or first
        return Place(self.file, first, node.end_lineno or node.lineno)

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """Calls of methods or functions of these names."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and called(node) in names:
                yield node

    def without_step(self, step: ast.Call) -> str:
        """`image.a().b()` without `.b()`."""
        assert isinstance(step.func, ast.Attribute)
        return self.with_span(self.end(step.func.value), self.end(step), "")

    def with_import(self, name: str, text: str | None = None) -> str:
        """With `import name` as the first of the imports, unless it stands there."""
        text = self.text if text is None else text
        tree = ast.parse(text)
        if any(isinstance(node, ast.Import) and node.names[0].name == name for node in tree.body):
            return text
        lines = text.splitlines(keepends=True)
        first = next(
            node
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__"
        )
        lines.insert(first.lineno - 1, f"import {name}\n")
        return "".join(lines)


def called(call: ast.Call) -> str:
    """The last word of what is called."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


@dataclass(frozen=True)
class Function:
    """An `@app.function`, `@app.cls` or `@app.local_entrypoint`, as planting needs to know it."""

    source: Source
    node: ast.FunctionDef | ast.ClassDef
    decorator: ast.Call

    @property
    def kind(self) -> str:
        return called(self.decorator)

    @property
    def body(self) -> ast.FunctionDef:
        """Of a class, the first method."""
        if isinstance(self.node, ast.FunctionDef):
            return self.node
        return next(node for node in self.node.body if isinstance(node, ast.FunctionDef))

    @property
    def options(self) -> dict[str, ast.expr]:
        return {one.arg: one.value for one in self.decorator.keywords if one.arg}

    @property
    def mounts(self) -> list[str]:
        """Where Volumes are mounted, as far as that stands there as text."""
        volumes = self.options.get("volumes")
        if not isinstance(volumes, ast.Dict):
            return []
        return [key.value for key in volumes.keys if isinstance(key, ast.Constant)]

    def with_option(self, name: str, value: str) -> tuple[str, Place]:
        """The source with an option given or replaced."""
        for keyword in self.decorator.keywords:
            if keyword.arg == name:
                text = self.source.with_node(keyword.value, value)
                return text, self.source.place(self.decorator)
        at = self.source.end(self.decorator) - 1
        raw = self.source.text.encode()[self.source.start(self.decorator) : at].decode().rstrip()
        comma = "" if raw.endswith(("(", ",")) else ", "
        text = self.source.with_span(at, at, f"{comma}{name}={value}")
        return text, self.source.place(self.decorator)

    def without_option(self, name: str) -> str:
        keyword = next(one for one in self.decorator.keywords if one.arg == name)
        raw = self.source.text.encode()
        end = self.source.end(keyword.value)
        while raw[end : end + 1] in (b",", b" "):
            end += 1
        return self.source.with_span(self.source.start(keyword), end, "")

    def with_lines(self, *lines: str, last: bool = False) -> tuple[str, Place]:
        """The source with lines at the beginning of the body, or before a `return` at its end."""
        body = self.body.body
        at = body[0]
        if isinstance(at, ast.Expr) and isinstance(at.value, ast.Constant) and len(body) > 1:
            at = body[1]
        line = at.lineno - 1
        if last:
            ends = isinstance(body[-1], ast.Return)
            line = body[-1].lineno - 1 if ends else (body[-1].end_lineno or 0)
        indent = " " * body[0].col_offset
        text = self.source.text.splitlines(keepends=True)
        text[line:line] = [f"{indent}{one}\n" for one in lines]
        return "".join(text), Place(self.source.file, line + 1, line + len(lines))


@dataclass
class Project:
    """An app's sources, parsed once for all faults."""

    app: App
    sources: dict[str, Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in sorted(self.app.root.rglob("*.py")):
            file = path.relative_to(self.app.root).as_posix()
            self.sources[file] = Source(file, path.read_text())

    @property
    def entry(self) -> Source:
        return self.sources[self.app.entry]

    def read(self, file: str) -> str:
        return (self.app.root / file).read_text()

    def exists(self, file: str) -> bool:
        return (self.app.root / file).exists()

    @cached_property
    def other_entries(self) -> set[str]:
        """Entry files of other apps in the same folder."""
        return {
            file
            for file, source in self.sources.items()
            if file != self.app.entry and any(source.calls("App", "from_name")) and any(source.calls("App"))
        }

    @cached_property
    def functions(self) -> list[Function]:
        """Those of the entry file, local entry points last."""
        found = []
        for node in self.entry.tree.body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and called(decorator) in (
                    "function",
                    "cls",
                    "local_entrypoint",
                ):
                    found.append(Function(self.entry, node, decorator))
        return sorted(found, key=lambda function: function.kind == "local_entrypoint")

    @property
    def remote(self) -> list[Function]:
        return [function for function in self.functions if function.kind != "local_entrypoint"]

    @property
    def training(self) -> list[Function]:
        """Those that train, by their names."""
        words = ("train", "fit", "finetune")
        return [function for function in self.remote if any(word in function.node.name for word in words)]

    @property
    def local(self) -> list[Function]:
        return [function for function in self.functions if function.kind == "local_entrypoint"]

    def steps(self, *names: str) -> list[tuple[Source, ast.Call]]:
        """The images' steps of these names, in the files that the entry uses."""
        return [
            (source, call)
            for file, source in self.sources.items()
            if file not in self.other_entries
            for call in source.calls(*(names or STEPS))
            if isinstance(call.func, ast.Attribute)
        ]

    @property
    def image_ends(self) -> list[tuple[Source, ast.Call]]:
        """The last step of each image that begins with a constructor here, or is built on in its name."""
        found = []
        grown = [
            (source, node.value)
            for file, source in self.sources.items()
            if file not in self.other_entries
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node).startswith("image = image.")
        ]
        if grown:
            return [max(grown, key=lambda one: one[1].lineno)]
        for source, call in self.steps():
            if is_chain(call) and not any(
                isinstance(other.func, ast.Attribute) and other.func.value is call
                for other in ast.walk(source.tree)
                if isinstance(other, ast.Call)
            ):
                found.append((source, call))
        return found

    @property
    def image_starts(self) -> list[tuple[Source, ast.Call]]:
        return self.steps("debian_slim", "from_registry")

    def after_start(self, step: str) -> Iterator[tuple[Source, str, Place]]:
        """With a step right after an image's constructor."""
        for source, call in self.image_starts:
            line = call.end_lineno or call.lineno
            text = source.with_span(source.end(call), source.end(call), step)
            yield source, text, Place(source.file, call.lineno, line + step.count("\n") + 1)

    def at_end(self, step: str) -> Iterator[tuple[Source, str, Place]]:
        """With a step at an image's end."""
        for source, call in self.image_ends:
            text = source.with_span(source.end(call), source.end(call), step)
            yield source, text, Place(source.file, call.lineno, (call.end_lineno or 0) + step.count("\n"))

    @property
    def packages(self) -> set[str]:
        """Names of the app's own packages, without dots."""
        return {PurePosixPath(file).parent.name for file in self.sources if file.endswith("__init__.py")}

    @cached_property
    def reached(self) -> list[Source]:
        """Whether the run imports a module, not only where an ImportError is caught or for types."""
        found, pending = {self.app.entry}, [self.entry]
        while pending:
            names = named_modules(pending.pop())
            for file, source in self.sources.items():
                dotted = "." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                if file not in found and any(
                    f".{name}" in dotted if name.endswith(".") else dotted.endswith(f".{name}")
                    for name in names
                ):
                    found.add(file)
                    pending.append(source)
        return [self.sources[file] for file in sorted(found)]

    def imported(self, name: str) -> bool:
        """Whether the app's run imports a module, not only where an ImportError is caught or for types."""
        return any(
            name == module.split(".")[0] for source in self.reached for module in plain_imports(source)
        )

    def plant(
        self, fault: str, what: str, changes: Mapping[str, str | None], codes: str, **more: object
    ) -> Plant:
        return Plant(fault, self.app.name, what, changes, tuple(codes.split()), **more)  # type: ignore[arg-type]


def is_chain(call: ast.Call) -> bool:
    """Whether a call is a step of a chain that begins with modal.Image."""
    node: ast.expr = call
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Attribute) and node.attr == "Image":
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return False


def plain_imports(source: Source) -> list[str]:
    """Modules that a file imports outside `try` and `if TYPE_CHECKING`, relative ones left out."""
    guarded: set[int] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Try) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            guarded.update(id(below) for one in node.body for below in ast.walk(one))
    found = []
    for node in ast.walk(source.tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def named_modules(source: Source) -> set[str]:
    """What a file may lead to: imported modules, relative ones by their last names, and texts that name some.

    A text that ends with a dot stands for all below it.
    """
    found = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found |= {module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            found.add(PurePosixPath(node.value).stem if node.value.endswith(".py") else node.value)
    return {name for name in found if name.strip(".")}


def last_text(node: ast.expr) -> ast.Constant | None:
    """The last text in an expression: `"recsys"` of `root / "recsys"`."""
    texts = [one for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return max(texts, key=lambda one: (one.lineno, one.col_offset), default=None)
