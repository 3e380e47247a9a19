"""The record of one run: what shaped it, what it did, how it ended.

A run is one `modal run`, `app.run()` or `modal serve` (its id is the app's, `ap-…`), one call of a deployed
app
from outside or one firing of its schedule (its id is the call's, `fc-…`), or one deployment (`ap-…`). A
record is
one JSON file, `runs/ID.json`; codec.py reads and writes it. Every field has a default, so that a record of an
older version opens. Times are seconds since the epoch. Values of Secrets and of the launching shell are
there as
digests only, salted with a key of the home: equal values of one home have equal digests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from msgspec import Meta

VERSION: Final = 1

# seconds since the epoch, until the year 9999: what no calendar has is no time
Moment = Annotated[float, Meta(ge=0, le=253_370_764_800)]

Kind = Literal["run", "deployment", "call", "schedule"]
State = Literal["running", "succeeded", "failed", "stopped"]
Verdict = Literal["", "kept", "broken", "unseen"]  # unseen: something expected never showed


@dataclass(frozen=True)
class Place:
    """A line of code as the process that ran it names the file."""

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Process:
    """A process of the launching machine."""

    pid: int
    argv: tuple[str, ...] = ()
    cwd: str = ""


@dataclass(frozen=True)
class ShellVariable:
    """A variable of the launcher's own environment. `set_in`: the line of a shell's start-up file that sets
    it.
    `holder`: the oldest process above the launcher that had the same value; None where only the launcher
    has it
    (`NAME=value modal run …`, or exported since its shell began)."""

    name: str
    digest: str
    set_in: Place | None = None
    holder: Process | None = None


@dataclass(frozen=True)
class Note:
    """One thing that a Python process did, as runtime/inside/notes.py wrote it down, in a container or in the
    launcher. What the fields mean for each `kind`:

    process  a Python began: `argv`, `parent` (pid)
    read     first read of variable `name` at this place; `how`: get, [], in, copy (the whole environment);
             `digest` of the value that was read, empty where there was none
    set      os.environ[name] = …, putenv: `digest` of the value
    unset    del os.environ[name], unsetenv
    child    a program was started: `argv`, `changes` of its environment against this process's own (name ->
             digest, "" for removed)
    open     a configuration file was opened the first time: `path`, `how` r or w, or missing: it was to be
             read and is not there
    folder   `path` is a folder: so many files `read` and `written` in it by this process so far; with `how`
             below, in it and in all folders below it, so that earlier notes of those are part of it
    lost     so many notes were dropped: `read`
    """

    at: Moment
    pid: int
    kind: Literal["process", "read", "set", "unset", "child", "open", "folder", "lost"]
    name: str = ""
    how: str = ""
    digest: str = ""
    path: str = ""
    argv: tuple[str, ...] = ()
    parent: int = 0
    changes: Mapping[str, str] = field(default_factory=dict)
    read: int = 0
    written: int = 0
    stack: tuple[Place, ...] = ()  # innermost first, only the user's files; the first is where it happened
    library: tuple[Place, ...] = ()  # the line of a library that did it, on behalf of the stack's first
    task_id: str = ""  # empty for the launcher; set by whoever reads the notes


@dataclass(frozen=True)
class Launcher:
    """Who started the run, and with what. `argv` as typed; `parents` from the launcher's own up to the
    session."""

    argv: tuple[str, ...] = ()
    cwd: str = ""
    pid: int = 0
    user: str = ""
    client: str = ""  # "modal 1.6.4, Python 3.11.2"
    parents: tuple[Process, ...] = ()
    shell: tuple[ShellVariable, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class SourceFile:
    """A file that a mount brought. `path`: where it lies in containers."""

    path: str
    sha256: str
    size_bytes: int = 0


@dataclass(frozen=True)
class Git:
    """The launcher's work tree. `difference`: `git diff HEAD`, cut where it is very long."""

    root: str = ""
    commit: str = ""
    branch: str = ""
    is_dirty: bool = False
    difference: str = ""
    is_cut: bool = False


@dataclass(frozen=True)
class Edit:
    """`modal serve` took up a change of the files. `replaced`: those that were changed or removed, as they
    were."""

    at: Moment
    replaced: tuple[SourceFile, ...] = ()
    added: tuple[str, ...] = ()  # paths


@dataclass(frozen=True)
class Source:
    """`files` are the last that there were; versions.files_at tells those of a moment before an edit."""

    entry: str = ""  # the app's file on the launcher
    files: tuple[SourceFile, ...] = ()
    git: Git | None = None
    edits: tuple[Edit, ...] = ()  # the first first


@dataclass(frozen=True)
class Image:
    """An image as its containers had it. `steps`: each instruction, the base's first."""

    image_id: str
    base: str = ""
    python: str = ""
    steps: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # where it differs from what was asked


@dataclass(frozen=True)
class Variable:
    """A variable of a container as it began. `origin`: platform, `image: INSTRUCTION`, `Secret "NAME"`,
    `Secret.from_dict (ID)`. `value` is empty, and `digest` set, for what Secrets gave."""

    name: str
    origin: str
    value: str = ""
    digest: str = ""
    shadowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What a function asked for and what it got, as sentences ("4 cores", "2 GiB at most", "one H100")."""

    asked: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Function:
    """`definitions`: ids of what described it so. Where an app was edited a tag may have several functions,
    the newest first."""

    tag: str
    image_id: str = ""
    environment: tuple[Variable, ...] = ()
    secrets: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    defined: Place | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)  # of arguments, a class's as METHOD.NAME
    definitions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Volume:
    """`seen` and `committed`: which state it was at the first mount and at the end, as a short name."""

    name: str
    volume_id: str = ""
    path: str = ""
    seen: str = ""
    committed: str = ""
    is_read_only: bool = False


@dataclass(frozen=True)
class Argument:
    """`value`: JSON where it is plain, else `<ClassName>`. `came`: as typed for the command, given by the
    code
    that called, or the function's default."""

    name: str
    value: str
    came: Literal["command line", "given", "default"] = "given"


@dataclass(frozen=True)
class Call:
    call_id: str
    function: str
    arguments: tuple[Argument, ...] = ()  # of the first input
    inputs: int = 0
    succeeded: int = 0
    failed: int = 0
    started_at: Moment = 0.0
    ended_at: Moment = 0.0
    parent: str = ""  # the call that made it, empty for the launcher's
    definition_id: str = ""  # of the function that answered its first input
    made_in: str = ""  # of a parent that belongs to no run, such as a web request: its function


@dataclass(frozen=True)
class ConfigFile:
    """A configuration file that was opened. `brought_by`: mount, image, volume NAME, or the container
    itself."""

    path: str
    sha256: str = ""
    text: str = ""  # cut at 64 KiB; empty for what is not text
    opened: Place | None = None
    task_id: str = ""
    brought_by: str = ""


@dataclass(frozen=True)
class Folder:
    path: str
    read: int = 0
    written: int = 0
    opened: Place | None = None
    volume: str = ""


@dataclass(frozen=True)
class Sample:
    """Of one container: cores in use, bytes of memory, GPU use from 0 to 1 where it has one."""

    at: Moment
    cores: float = 0.0
    memory_bytes: int = 0
    gpu: float | None = None
    gpu_memory_bytes: int = 0


@dataclass(frozen=True)
class Command:
    """What was run in a container from outside: `modal container exec`, a shell, `Sandbox.exec`."""

    at: Moment
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Attempt:
    """One container's life within the run."""

    task_id: str
    function: str
    enqueued_at: Moment = 0.0
    started_at: Moment = 0.0
    ready_at: Moment = 0.0
    ended_at: Moment = 0.0
    exit_code: int | None = None
    reason: str = ""
    cpu_time_s: float = 0.0
    memory_peak_bytes: int = 0
    gpus: tuple[str, ...] = ()
    inputs: int = 0
    curve: tuple[Sample, ...] = ()
    definition_id: str = ""
    command: tuple[str, ...] = ()  # of a Sandbox
    commands: tuple[Command, ...] = ()  # the first ones
    app_id: str = ""  # where it is another's than the run's: that of a deployed function which the run called


@dataclass(frozen=True)
class Count:
    """A value that a line of output showed, by a contract's pattern or `::homeport name=value`."""

    name: str
    value: str
    line: str = ""
    at: Moment = 0.0
    task_id: str = ""


@dataclass(frozen=True)
class Violation:
    """`sentence` is all that a person needs: what was expected and seen, and where it came from
    (`origin`)."""

    rule: str
    expected: str
    seen: str
    sentence: str
    origin: str = ""
    at: Moment = 0.0
    task_id: str = ""


@dataclass(frozen=True)
class Contract:
    """`expected`: rule -> what; `seen`: rule -> what, without the key where it never showed."""

    name: str
    file: str = ""
    verdict: Verdict = ""
    on_violation: str = "stop"
    expected: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()


@dataclass(frozen=True)
class Machine:
    cores: int = 0
    memory_bytes: int = 0
    gpus: tuple[str, ...] = ()
    system: str = ""  # "Linux 6.1, x86_64"
    isolation: str = ""
    homeport: str = ""


@dataclass(frozen=True)
class Run:
    """All of one run."""

    run_id: str
    version: int = VERSION
    kind: Kind = "run"
    app_id: str = ""
    name: str = ""  # the app's
    environment: str = ""  # Modal's, such as main
    function: str = ""  # the first that was called from outside
    state: State = "running"
    outcome: str = ""  # a sentence
    started_at: Moment = 0.0
    ended_at: Moment = 0.0
    launcher: Launcher | None = None  # of a call: who called, None for a schedule and a web request
    deployer: Launcher | None = None  # of a call: who deployed the function, and so gave its Secrets
    source: Source = field(default_factory=Source)
    images: tuple[Image, ...] = ()
    functions: tuple[Function, ...] = ()
    volumes: tuple[Volume, ...] = ()
    calls: tuple[Call, ...] = ()
    configs: tuple[ConfigFile, ...] = ()
    folders: tuple[Folder, ...] = ()
    notes: tuple[Note, ...] = ()  # of its containers
    attempts: tuple[Attempt, ...] = ()
    counts: tuple[Count, ...] = ()
    contract: Contract | None = None
    machine: Machine = field(default_factory=Machine)
    not_honoured: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()  # sentences: what could not be recorded, and why

    @property
    def outermost(self) -> tuple[Call, ...]:
        """Its calls that no other call of it made."""
        own = {call.call_id for call in self.calls}
        return tuple(call for call in self.calls if call.parent not in own)
