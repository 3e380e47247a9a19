"""What rules see of an app: its objects, each function's container, and what the code there does, in order.

Values that could not be told are `Unknown` (values.py): a rule that meets one says nothing, or "cannot
prove" as a note.
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol, TypeAlias

from homeport.check.values import FromShell, Site, Unknown, Value
from homeport.check.values import Made as Made

# ---- sources


@dataclass(frozen=True, eq=False)
class Module:
    """A Python file of the launcher's. `name` is what it is imported as in the container ("train",
    "pkg.model").

    `tree` is empty and `error` says why where it cannot be parsed; `is_refused` where surely no Python
    can, however new. `text` has the line ends that the file has.
    """

    path: Path
    name: str
    text: str
    tree: ast.Module
    error: str = ""
    is_refused: bool = False


# ---- the app's objects


@dataclass(frozen=True, eq=False)
class Step:
    """A chained call of an image: `.pip_install("torch")` is Step("pip_install", ("torch",), {}).
    Constructors are steps, too.

    `site` is the call's, from its name to its closing bracket.
    """

    method: str
    args: tuple[Value, ...]
    options: Mapping[str, Value]
    site: Site


@dataclass(frozen=True, eq=False)
class Image:
    """An image as the chain of steps that makes it, the constructor first. An `Unknown` stands for steps
    that are not known, a `OneOf` for one of several rows of steps.
    """

    steps: tuple[Step | Unknown, ...]
    site: Site


@dataclass(frozen=True, eq=False)
class Volume:
    """A Volume, a CloudBucketMount, a NetworkFileSystem or a SharedVolume. `read_only` also by
    with_mount_options.
    """

    kind: str
    name: Value
    options: Mapping[str, Value]
    site: Site
    read_only: bool = False


@dataclass(frozen=True, eq=False)
class Secret:
    """`kind` is the constructor's name: from_name, from_dict, from_dotenv, from_local_environ."""

    kind: str
    args: tuple[Value, ...]
    options: Mapping[str, Value]
    site: Site


Kind = Literal["function", "class", "local_entrypoint"]


@dataclass(frozen=True, eq=False)
class Parameter:
    """`annotation` and `default` as source text, None where there is none."""

    name: str
    annotation: str | None
    default: str | None
    kind: Literal["positional", "keyword", "var_positional", "var_keyword"]
    site: Site


@dataclass(frozen=True, eq=False)
class Function:
    """An `@app.function`, `@app.cls` or `@app.local_entrypoint`.

    `name` is what `modal run app.py::NAME` takes; a class's methods are in `methods` (name to its node
    and parameters). `options` are those of the decorator as given, and `option_sites` where each stands.
    Image, volumes and secrets are those that it really has: its own, else the app's. `decorators` are
    the further ones, by dotted name (`modal.web_server`, `modal.concurrent`), with their arguments by
    name; `method_decorators` the same for each method (`modal.enter`, `modal.method`). Of `volumes` the
    key "" stands for mount points that are not known. `site` is the decorator's call.
    """

    name: str
    kind: Kind
    module: Module
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    site: Site
    parameters: tuple[Parameter, ...]
    options: Mapping[str, Value]
    option_sites: Mapping[str, Site]
    image: Image | None
    volumes: Mapping[str, Volume | Unknown]
    secrets: tuple[Secret | Unknown, ...]
    decorators: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    methods: Mapping[str, tuple["ast.FunctionDef | ast.AsyncFunctionDef", tuple[Parameter, ...]]] = field(
        default_factory=dict
    )
    method_decorators: Mapping[str, Mapping[str, Mapping[str, Value]]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class App:
    """The app of the entry file. `how` is static, or loaded where its module was really imported and
    values are exact.

    `unknown` are the things that could not be told, each with why. `shell_reads` is what its modules read
    of the launcher's environment while they were loaded. `search_path` is what its code left in front of
    `sys.path` there, absolute, without the libraries' folders; empty where that is not known.
    """

    name: Value
    site: Site
    options: Mapping[str, Value]
    functions: tuple[Function, ...]
    how: Literal["static", "loaded"]
    unknown: tuple[Unknown, ...] = ()
    shell_reads: tuple[FromShell, ...] = ()
    search_path: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadFailure:
    """Why the app could not be loaded, as `modal run` would load it, in a process of its own.

    `why` is a sentence's end, after "the app could not be loaded, since it ..."; `site` is the line of the
    user's code, where that is known. `error` is the exception's dotted name ("ModuleNotFoundError",
    "modal.exception.InvalidError") and `message` what it says, without secrets; `missing` is the module
    that an ImportError is about. Kinds: "exception"; "exit" (sys.exit, os._exit); "input" (asked at a
    terminal); "network" and "server" (asked a host, or Modal's server, which a check has not); "timeout";
    "crash" (ended by a signal, such as for its memory); "client" (no modal there that can be used).
    """

    kind: Literal["exception", "exit", "input", "network", "server", "timeout", "crash", "client"]
    why: str
    site: Site | None = None
    error: str = ""
    message: str = ""
    missing: str = ""


# ---- a function's container


@dataclass(frozen=True)
class FoundModule:
    """`where`: a shipped file's or folder's path in the container, else "standard library" or the
    distribution's name.

    `source` is the launcher's file where it is the user's own. `is_namespace`: a folder without
    `__init__.py`. `is_guessed`: the distribution's name alone says that it has such a module.
    """

    where: str
    source: Path | None = None
    kind: Literal["shipped", "distribution", "stdlib"] = "shipped"
    is_namespace: bool = False
    is_guessed: bool = False


@dataclass(frozen=True)
class MissingModule:
    """Certainly not there. `nearest`: where in the container, or on the launcher, something of that name
    lies.
    """

    nearest_container: tuple[str, ...] = ()
    nearest_launcher: tuple[Path, ...] = ()
    distribution: str = ""  # what to install, where that is known


@dataclass(frozen=True)
class UnprovenModule:
    """Nobody can tell whether it is there; `why` says what is not known."""

    why: str


Resolution: TypeAlias = FoundModule | MissingModule | UnprovenModule


@dataclass(frozen=True)
class Placed:
    """A path of the container: what the launcher's file or folder is, if it comes from one, and which
    step or option put it there.
    """

    path: PurePosixPath
    kind: Literal["file", "folder"]
    source: Path | None
    by: Site | None
    origin: Literal["entry", "package", "add_local", "volume", "image", "workdir"]


class Container(Protocol):
    """The file system and the Python of one function's container, as they will be. filesystem.py makes
    them.
    """

    @property
    def python_version(self) -> str | Unknown:
        """Such as "3.11"."""
        ...

    @property
    def workdir(self) -> str | Unknown: ...

    @property
    def search_path(self) -> tuple[str, ...]:
        """`sys.path` when the entry module is imported, without the standard library and site-packages."""
        ...

    @property
    def environment(self) -> Mapping[str, tuple[Value, str, Site | None]]:
        """Variable to value, origin ("image", "secret NAME", "env=", "platform") and place. Secrets
        from_name with required_keys give Unknown values; see `has_unknown_secrets`.
        """
        ...

    @property
    def has_unknown_secrets(self) -> bool:
        """Whether a Secret may give variables of any name."""
        ...

    def at(self, path: str) -> Placed | Unknown | None:
        """What lies at an absolute path (relative ones are below workdir); None if surely nothing does."""
        ...

    def below(self, folder: str) -> Iterable[Placed]:
        """The user's files below a folder of the container, the nearest first; of very many, some."""
        ...

    def find(self, module: str, search_path: tuple[str, ...]) -> Resolution:
        """What `import module` (dotted) finds with such a `sys.path`."""
        ...

    def nearest_file(self, path: str) -> Path | None:
        """The launcher's file or folder that would lie at an absolute path there, were it shipped."""
        ...

    def is_installed(self, distribution: str) -> bool | Unknown:
        """Whether the image installs a distribution (any spelling of its name)."""
        ...


# ---- what the code does there, in order


@dataclass(frozen=True, eq=False)
class Event:
    """Something that the function's code does in its container. `scope` is the dotted name of the
    function around it, "" at the module's top. `is_certain`: it happens in every run (not in a branch, a
    loop that may be empty, an except clause, after a return in a branch, nor in a function that nobody
    surely calls). `guards`: "try_import" (an ImportError is caught), "try", "type_checking",
    "image_imports", "local" (only where modal.is_local()), "if", "loop", "except", "finally", "with".
    `caught`: names of the exceptions caught around it. `via`: the imports and calls that lead here,
    outermost first.
    """

    module: Module
    scope: str
    site: Site
    is_certain: bool
    guards: frozenset[str]
    via: tuple[Site, ...]
    caught: frozenset[str] = field(default=frozenset(), kw_only=True)


@dataclass(frozen=True, eq=False)
class Import(Event):
    """`import a.b`, `from a import b` (name a, and the module or attribute b in `member`), or
    importlib.import_module("a.b").

    `name` is Unknown for import_module of something that is not known, and begins with dots for a relative
    import that has no package to be relative to. `search_path` is made absolute. `has_member` says whether
    a shipped module defines `member`, or has such a submodule; None where that is not known.
    """

    name: str | Unknown
    member: str
    resolution: Resolution
    search_path: tuple[str, ...]
    has_member: bool | None = field(default=None, kw_only=True)
    member_site: Site | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class PathEdit(Event):
    """`sys.path.insert(0, folder)`, `.append(folder)`, `+= [...]`, site.addsitedir.

    `folder` as written, `path` made absolute by the working folder of that moment; `folder_site` is where
    it is written.
    """

    folder: Value
    path: str | Unknown = field(default=Unknown("it is made while the app runs"), kw_only=True)
    folder_site: Site | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Call(Event):
    """A call by its dotted name as imports resolve it ("os.environ.get", "subprocess.run", "open",
    "pathlib.Path.read_text", "torch.save"); of the app's objects "Volume.commit", "Function.remote" and
    so on with `receiver` the object. Names of local variables that are not known stay as they stand
    there ("model.eval"), with receiver None. A method of a known value: `receiver` is that value
    (Path("/data/x").read_text(): name "pathlib.Path.read_text", receiver Path("/data/x")). `folder` is the
    working folder at that moment, which relative paths are below.
    """

    name: str
    args: tuple[Value, ...]
    options: Mapping[str, Value]
    receiver: Value
    node: ast.Call
    folder: str | Unknown = field(default="", kw_only=True)


@dataclass(frozen=True, eq=False)
class EnvironmentRead(Event):
    """Of `os.environ[name]` (`is_required`), .get, getenv, `name in os.environ`. `name` None: all of it."""

    name: str | Unknown | None
    is_required: bool


@dataclass(frozen=True, eq=False)
class EnvironmentWrite(Event):
    """Set, setdefault, update, putenv; `value` None: deleted."""

    name: str | Unknown | None
    value: Value


@dataclass(frozen=True, eq=False)
class Raise(Event):
    """A `raise` or sys.exit. `name`: the exception's."""

    name: str


@dataclass(frozen=True, eq=False)
class Condition(Event):
    """The test of an if, while, conditional expression or match, as written."""

    test: ast.expr


# ---- the launcher and what was asked


@dataclass(frozen=True)
class Launcher:
    """Where the command is typed. `environment` has the shell's names only. `client_version` is that of
    the modal which will be used.
    """

    folder: Path
    variables: frozenset[str]
    client_version: str
    python_version: str
    modules: frozenset[str]  # top-level names that an import here finds, beside the standard library
    is_elsewhere: bool = False  # on another machine: its shell, packages and other folders are not known


@dataclass(frozen=True)
class Command:
    """What is to be run: `homeport check app.py::train -- --config-path x`. `function` empty: the one
    that there is.
    """

    function: str
    arguments: tuple[str, ...]
    is_detached: bool = False


@dataclass(frozen=True)
class LocalSource:
    """A file, folder or module of the launcher's that a step of an image names, as it stands in the source.

    `path` is absolute, and empty for a module. `kind` is what lies there, None: nothing. `is_relative`: to
    the folder that one stands in.
    """

    given: str
    path: Path | None
    kind: Literal["file", "folder", "module"] | None
    is_relative: bool = False
    beside: Path | None = None  # where it lies by the entry file's own folder, if it does only there


@dataclass(frozen=True, eq=False)
class Project:
    """Other files that rules read, by kind: text of CI workflows, configuration files named in the source."""

    root: Path
    workflows: Mapping[Path, str]
    texts: Mapping[Path, str]  # YAML, TOML, JSON, .env files below root that are shipped or named
    scripts: Mapping[Path, str] = field(
        default_factory=dict
    )  # Python that is shipped, and that nothing imports


@dataclass(frozen=True, eq=False)
class Facts:
    """All of it. `containers` and `events` are by function name; a local entry point has no container,
    and its events are the launcher's. `with_arguments` is what functions do, once more, with the arguments
    that the command gives them, or that are their defaults (nothing of these is certain).
    """

    entry: Module
    app: App
    source_app: (
        App  # always read statically, with FromShell where values come from the shell; may be `app` itself
    )
    modules: Mapping[Path, Module]
    containers: Mapping[str, Container]
    events: Mapping[str, tuple[Event, ...]]
    launch_events: tuple[Event, ...]  # what importing the entry file does where `modal run` is typed
    launcher: Launcher
    command: Command | None
    project: Project
    target: Literal["homeport", "modal"]
    server_secrets: frozenset[str] | None = None  # names that the target has; None: not known
    load_failure: LoadFailure | None = None  # why `app` is the static one, though it was to be loaded
    sources: Mapping[Site, tuple[LocalSource, ...]] = field(default_factory=dict)  # by a step's site
    with_arguments: Mapping[str, tuple[Event, ...]] = field(default_factory=dict)

    def function(self, name: str) -> Function:
        return next(function for function in self.app.functions if function.name == name)
