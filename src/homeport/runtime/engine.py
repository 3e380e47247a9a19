"""What the rest of the engine knows of containers: what to start, and what comes back.

`sandbox.py` implements it with namespaces. Another implementation (proot) has its place here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class VolumeAttachment:
    """A volume as a container sees it.

    Either an overlay of `lowers` (committed folders, topmost first) with the container's own `upper`, or,
    for a linked folder of this machine, a bind mount of `bind`.
    """

    volume_id: str
    path: str  # where it is mounted, absolute
    read_only: bool
    lowers: tuple[Path, ...] = ()
    upper: Path | None = None
    work: Path | None = None
    bind: Path | None = None
    snapshot: Path | None = None  # for a runtime that copies: where it notes what `upper` began with


@dataclass(frozen=True)
class ImageView:
    """A built image as containers need it."""

    image_id: str
    layers: tuple[Path, ...]  # topmost first; each a tree that starts at /; the base's tree is the last
    env: dict[str, str]  # the image's ENV, PATH included
    workdir: str | None
    python: str  # absolute path of the interpreter inside, such as /usr/local/bin/python3.11
    host_usr: bool  # whether this machine's /usr lies, read-only, under the layers' usr/
    command: tuple[str, ...] = ()  # the image's ENTRYPOINT and CMD
    entrypoint: tuple[str, ...] = ()  # its ENTRYPOINT


@dataclass(frozen=True)
class ContainerSpec:
    """Everything that starts one container.

    `env` is complete: nothing is added to it but MODAL_TASK_ID and what PID 1 must set. `layers` are the
    mounts' and the client bundle's trees and then the image's, topmost first.
    """

    task_id: str
    image: ImageView
    overlays: tuple[Path, ...]  # trees above the image's layers, topmost first: mounts, client bundle
    env: dict[str, str]
    workdir: str
    container_arguments: bytes  # serialised api_pb2.ContainerArguments
    volumes: tuple[VolumeAttachment, ...] = ()
    memory_limit_bytes: int | None = None
    cpu_limit: float | None = None
    gpu_devices: tuple[int, ...] = ()
    command: tuple[str, ...] | None = None  # None: Modal's container entrypoint; else this, by exec
    has_stdin: bool = False  # else its input is empty
    terminal: "Terminal | None" = None  # in place of pipes
    notes_key: bytes = b""  # the salt of digests in what is noted inside; empty: nothing is
    keeps_files: bool = False  # what it writes is wanted after its end: it has to be on disk then


@dataclass(frozen=True)
class Terminal:
    """The size of a client's terminal; 0 where it has none."""

    rows: int
    cols: int


@dataclass(frozen=True)
class ExecSpec:
    """A command that a client runs in a container beside its own process. `env` is added to the container's,
    an empty `workdir` is the container's own. `timeout_s` 0 is none. `ends_with_client`: it is hung up on
    when nobody reads its terminal any more.
    """

    exec_id: str
    command: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = ""
    terminal: Terminal | None = None
    stdout: str = "pipe"  # or null
    stderr: str = "pipe"  # or null, or stdout
    timeout_s: float = 0.0
    ends_with_client: bool = False


@dataclass(frozen=True)
class ExecEnd:
    """How such a command ended; `lengths` are the bytes of its streams 1 and 2."""

    code: int
    signal: int | None
    lengths: dict[int, int]


@dataclass(frozen=True)
class Written:
    """What became of input: the offset behind what was taken, and whether nothing more will be, or only once
    the command has read some of it."""

    offset: int
    is_closed: bool
    is_full: bool = False


@dataclass(frozen=True)
class ContainerExit:
    """How a container ended. `reason` is a sentence where Homeport ended it or knows why."""

    task_id: str
    exit_code: int  # the status of the user's process; 128 + n when signal n ended it
    signal: int | None = None
    out_of_memory: bool = False
    reason: str = ""
    cpu_time_s: float = 0.0
    memory_peak_bytes: int = 0
    ended_at: float = 0.0  # seconds since the epoch


@dataclass
class ContainerEvents:
    """Callbacks, all in the engine's event loop. `on_log` only says that the task's log file grew, `on_exec`
    that a command in it printed, read or ended, or that the container did."""

    on_log: Callable[[str], None] = field(default=lambda task_id: None)
    on_exit: Callable[[ContainerExit], None] = field(default=lambda exit: None)
    on_exec: Callable[[str], None] = field(default=lambda task_id: None)


class ContainerRuntime(Protocol):
    """Starts containers, tells when they end, and finds them again after the engine was killed."""

    # Whether a volume's `upper` holds a copy of all that the container sees, made when it starts and replaced
    # in one step by `remount`, which leaves the old one at `upper`.old; else it holds its writes alone.
    copies_volumes: bool

    async def open(self, events: ContainerEvents) -> None:
        """Starts listening, adopts the containers that an earlier engine left running, and reports by
        `on_exit` those that ended meanwhile. Must be called once, before anything else."""

    async def warm(self, image: ImageView, overlays: tuple[Path, ...], env: dict[str, str]) -> None:
        """Prepares a warm parent for containers of this image and environment; no error if it fails."""

    async def start(self, spec: ContainerSpec) -> None:
        """Starts a container; returns once its PID 1 runs. Raises ContainerStartError."""

    def api_socket(self, task_id: str) -> str:
        """The address to bind this task's gRPC server at (`unix:…`), before `start`."""

    def share_socket(self, task_id: str) -> None:
        """Lets the container connect to its api socket; call it after each binding of the socket.
        `start` does it for a socket that is bound before."""

    def running(self) -> set[str]:
        """Ids of the tasks whose containers live."""

    async def kill(
        self, task_id: str, *, grace_s: float = 0.0, reason: str = "", interrupt: bool = False
    ) -> None:
        """SIGTERM, or SIGINT for `interrupt`, (unless grace is 0), then SIGKILL to all of the container. No
        error if it is gone."""

    async def remount(self, task_id: str, attachment: VolumeAttachment) -> None:
        """Shows the container a newer committed state at attachment.path. Raises FailedPreconditionError
        while files in it are open."""

    async def exec(self, task_id: str, spec: ExecSpec) -> None:
        """Starts a command in a running container, once for each id. Raises NotFoundError where the container
        does not run, InvalidError where the command cannot be started."""

    async def write_input(
        self, task_id: str, exec_id: str, offset: int, data: bytes, *, is_last: bool
    ) -> Written:
        """Gives a command input, or the container's own process with an empty id; what came before is
        skipped, what there is no room for is left, and so may be the rest of much data. Raises NotFoundError,
        FailedPreconditionError."""

    def exec_folder(self, task_id: str, exec_id: str) -> Path:
        """Where exec_files.py finds the command's output and end."""

    def exec_taken(self, task_id: str, exec_id: str, stream: int, offset: int) -> None:
        """What comes before the offset has been read; the command may go on."""

    def exec_hang_up(self, task_id: str, exec_id: str) -> None:
        """Ends a command whose client is gone: SIGHUP to its session, SIGKILL later."""

    async def forget(self, task_id: str) -> None:
        """Removes the folder of a task that has ended, its log excepted. Raises FailedPreconditionError while
        the container runs; no error if there is no folder."""

    async def close(self, *, kill_containers: bool) -> None:
        """Ends warm parents, and containers too if asked; leaves no process behind but those."""
