"""The instructions of a Dockerfile, as dockerfile.py reads them; recipe.py says what they make of an image.

Values are unexpanded, unless it says otherwise: what a variable stands for depends on where it is used.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Instruction:
    """One instruction; `text` is its line as it was given, continuations joined, and `number` that line's."""

    text: str
    number: int = field(default=0, kw_only=True, compare=False)


@dataclass(frozen=True)
class From(Instruction):
    image: str
    name: str | None = None  # AS, in lower case: stages' names are
    platform: str | None = None


@dataclass(frozen=True)
class RunMount:
    """One --mount of a RUN."""

    kind: str  # bind, cache, secret or tmpfs
    target: str
    source: str = ""
    image: str | None = None  # from
    id: str = ""
    is_required: bool = False
    is_locked: bool = False  # one step at a time may have it
    mode: int | None = None
    variable: str = ""  # of a secret: the variable that gets it


@dataclass(frozen=True)
class Run(Instruction):
    """A shell command, or with `argv` a program that is started without a shell."""

    command: str
    argv: tuple[str, ...] | None = None
    mounts: tuple[RunMount, ...] = ()


@dataclass(frozen=True)
class Env(Instruction):
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Arg(Instruction):
    pairs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class InlineFile:
    """A here-document of COPY or ADD: a file of that name."""

    name: str
    content: str
    is_expanded: bool  # whether variables in it are to be


@dataclass(frozen=True)
class Copy(Instruction):
    sources: tuple[str, ...]
    target: str
    image: str | None = None  # --from: a stage, an image
    mode: int | None = None  # --chmod
    owner: str | None = None  # --chown
    files: tuple[InlineFile, ...] = ()
    excludes: tuple[str, ...] = ()
    keeps_parents: bool = False


@dataclass(frozen=True)
class Add(Copy):
    """A COPY whose sources may be addresses, and which unpacks local archives."""

    checksum: str | None = None  # sha256:…, of an address's content


@dataclass(frozen=True)
class Workdir(Instruction):
    path: str


@dataclass(frozen=True)
class User(Instruction):
    user: str


@dataclass(frozen=True)
class Shell(Instruction):
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Entrypoint(Instruction):
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Cmd(Instruction):
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Remark(Instruction):
    """An instruction that describes an image and changes nothing in a Modal container, such as LABEL."""
