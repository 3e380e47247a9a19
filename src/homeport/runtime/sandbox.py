"""Containers made of Linux namespaces: implements engine.ContainerRuntime.

Starts containers through a warm parent where one can be had, keeps a connection to each one's supervisor, and
finds them again after the engine was killed. What a container consists of is in requests.py and inside/.
"""

import asyncio
import json
import logging
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from homeport.model.errors import ContainerStartError, FailedPreconditionError, NotFoundError
from homeport.model.home import Home
from homeport.runtime import commands_inside, requests
from homeport.runtime.cgroups import ControlGroups, Group, find_control_groups
from homeport.runtime.discards import discard, remove_discarded
from homeport.runtime.engine import (
    ContainerEvents,
    ContainerExit,
    ContainerSpec,
    ExecSpec,
    ImageView,
    VolumeAttachment,
    Written,
)
from homeport.runtime.host import cure
from homeport.runtime.identity import has_own_uid, own
from homeport.runtime.inside.notes import FILE as NOTES
from homeport.runtime.inside.notes import KEY as NOTES_KEY
from homeport.runtime.launcher import (
    WarmParents,
    channel_pair,
    keep_bytecode,
    receive,
    spawn_launcher,
    uninterrupted,
)
from homeport.runtime.linked import LinkedFolders
from homeport.runtime.notices import Notices
from homeport.runtime.supervised import Supervised, connect, give_up, short_address

_log = logging.getLogger(__name__)
_START_S: Final = 60.0  # a machine so busy that putting a container together takes longer is out of order
_END_S: Final = 10.0


class Sandbox:
    """The containers of one engine."""

    copies_volumes = False
    start_limit_s = _START_S

    def __init__(self, home: Home, parents: WarmParents | None = None) -> None:
        self._home = home
        self._parents = parents or WarmParents()
        self._groups: ControlGroups = find_control_groups()
        self._running: dict[str, Supervised] = {}
        self._events = ContainerEvents()
        self._notices: Notices | None = None
        self._tasks_folder = -1
        self._linked = LinkedFolders()
        keep_bytecode(home.cache / "launcher")

    async def open(self, events: ContainerEvents) -> None:
        self._events = events
        for folder in requests.shared_folders(self._home):
            folder.chmod(0o755)  # the containers' uid gets into these, past the home's own 0700
        self._tasks_folder = os.open(self._home.tasks, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._notices = Notices(
            short_address(self._home.notify_socket, self._tasks_folder),
            {"log": events.on_log, "exec": events.on_exec},
        )
        remove_discarded(self._home)
        for spec_file in sorted(self._home.tasks.glob("*/spec.json")):
            self._adopt(spec_file.parent.name)

    async def warm(self, image: ImageView, overlays: tuple[Path, ...], env: dict[str, str]) -> None:
        if image.entrypoint:
            return  # it starts the function's process itself
        key = requests.parent_key(self._home, image, overlays, env)
        request = requests.parent_request(self._home, image, overlays, env)
        with suppress(OSError):
            parent = await self._parents.get(key, request)
            await parent.ready()

    async def start(self, spec: ContainerSpec) -> None:
        self._make_folder(spec)
        request = requests.container_request(self._home, spec)
        group = self._groups.create(spec.task_id, spec.memory_limit_bytes, spec.cpu_limit)
        try:
            channel = await self._start(spec, request, group)
        except BaseException as error:
            (self._folder(spec.task_id) / "spec.json").unlink(missing_ok=True)
            self._groups.remove(spec.task_id)
            if isinstance(error, OSError):
                raise _start_error(spec.task_id, str(error)) from None
            raise
        finally:
            group.close()
        self._running[spec.task_id] = Supervised(spec.task_id, channel, self._ended)

    def api_socket(self, task_id: str) -> str:
        folder = self._folder(task_id) / "run"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "api.sock"
        if len(os.fsencode(path)) <= 107:
            return f"unix:{path}"
        return f"unix:/proc/self/fd/{self._tasks_folder}/{task_id}/run/api.sock"

    def share_socket(self, task_id: str) -> None:
        with suppress(FileNotFoundError):
            (self._folder(task_id) / "run" / "api.sock").chmod(0o666)

    def running(self) -> set[str]:
        return set(self._running)

    async def kill(
        self, task_id: str, *, grace_s: float = 0.0, reason: str = "", interrupt: bool = False
    ) -> None:
        if supervised := self._running.get(task_id):
            supervised.kill(grace_s, reason, interrupt=interrupt)

    async def remount(self, task_id: str, attachment: VolumeAttachment) -> None:
        supervised = self._running.get(task_id)
        if supervised is None:
            raise NotFoundError(f"Task {task_id} has no running container.")
        if attachment.bind is not None:
            return  # what others write to a linked folder shows at once
        volume = self._volume(task_id, attachment)
        answer = await supervised.ask({"op": "remount", "volume": volume})
        volume_name = f"Volume {attachment.volume_id}"
        if answer.get("busy"):
            raise FailedPreconditionError(
                f"{volume_name} cannot be reloaded while files in {attachment.path} are open, or a process's "
                "working folder is in it: close them first."
            )
        if "error" in answer:
            raise FailedPreconditionError(
                f"{volume_name} could not be reloaded at {attachment.path}: {answer['error']}."
            )
        self._note_volume(task_id, volume)

    async def exec(self, task_id: str, spec: ExecSpec) -> None:
        await commands_inside.start(self._live(task_id), spec)

    async def write_input(
        self, task_id: str, exec_id: str, offset: int, data: bytes, *, is_last: bool
    ) -> Written:
        return await commands_inside.write(self._live(task_id), exec_id, offset, data, is_last=is_last)

    def exec_folder(self, task_id: str, exec_id: str) -> Path:
        return self._folder(task_id) / "x" / exec_id

    def exec_taken(self, task_id: str, exec_id: str, stream: int, offset: int) -> None:
        if supervised := self._running.get(task_id):
            supervised.tell({"op": "take", "id": exec_id, "stream": stream, "offset": offset})

    def exec_hang_up(self, task_id: str, exec_id: str) -> None:
        if supervised := self._running.get(task_id):
            supervised.tell({"op": "hang up", "id": exec_id})

    def _live(self, task_id: str) -> Supervised:
        supervised = self._running.get(task_id)
        if supervised is None:
            raise NotFoundError(
                f"Container {task_id} does not run; `modal container list` shows those that do."
            )
        return supervised

    async def forget(self, task_id: str) -> None:
        if task_id in self._running:
            raise FailedPreconditionError(f"Task {task_id} still runs; kill it before its folder is removed.")
        folder = self._folder(task_id)
        # first of all what an engine that starts would look for
        (folder / "spec.json").unlink(missing_ok=True)
        self._groups.remove(task_id)
        discard(self._home, folder)

    async def close(self, *, kill_containers: bool) -> None:
        await self._parents.close()
        if kill_containers:
            ending = list(self._running.values())
            for supervised in ending:
                supervised.kill(0.0, "the engine was stopped")
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_S):
                    for supervised in ending:
                        await supervised.has_ended.wait()
        for supervised in self._running.values():
            supervised.close()
        self._running.clear()
        self._linked.close()
        if self._notices is not None:
            self._notices.close()
            os.close(self._tasks_folder)
            self._notices = None

    def _volume(self, task_id: str, attachment: VolumeAttachment) -> dict[str, Any]:
        return requests.volume(attachment)

    def _folder(self, task_id: str) -> Path:
        return self._home.tasks / task_id

    # starting

    def _make_folder(self, spec: ContainerSpec) -> None:
        folder = self._folder(spec.task_id)
        for name in ("", "upper", "work", "usr-upper", "usr-work", "run"):
            (folder / name).mkdir(mode=0o755, parents=True, exist_ok=True)
            own(folder / name)
        arguments = folder / "run" / "arguments.pb"
        arguments.write_bytes(spec.container_arguments)
        own(arguments)
        if spec.notes_key:
            _make_notes(folder / "run", spec.notes_key)
        log = self._home.logs / f"{spec.task_id}.log"
        log.touch(mode=0o644)
        own(log)
        self.share_socket(spec.task_id)
        self._write_spec(
            spec.task_id,
            {
                "task_id": spec.task_id,
                "image_id": spec.image.image_id,
                "started_at": time.time(),
                "volumes": [requests.volume(attachment) for attachment in spec.volumes],
            },
        )

    def _write_spec(self, task_id: str, content: dict[str, Any]) -> None:
        """What another engine needs to go on; nothing secret."""
        path = self._folder(task_id) / "spec.json"
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.rename(path)

    def _note_volume(self, task_id: str, volume: dict[str, Any]) -> None:
        path = self._folder(task_id) / "spec.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        others = [each for each in content["volumes"] if each["path"] != volume["path"]]
        self._write_spec(task_id, {**content, "volumes": [*others, volume]})

    async def _start(self, spec: ContainerSpec, request: dict[str, Any], group: Group) -> socket.socket:
        """The connection to the started container's supervisor."""
        linked = await self._open_linked(request["spec"]["volumes"])
        fds = [*group.enter_fds, *linked]
        request["fds"] = fds
        request["spec"]["cgroup_fds"] = group.enter_fds
        request["spec"]["memory_group"] = group.memory_folder and str(group.memory_folder)
        try:
            channel = await self._fork_warm(spec, request, fds)
            if channel is None:
                channel = await self._launch(spec, request, fds)
        finally:
            for number in linked:
                os.close(number)
        return channel

    async def _open_linked(self, volumes: list[dict[str, Any]]) -> list[int]:
        """Mounts of linked folders that the containers' uid cannot reach; noted in the volumes, too."""
        if not has_own_uid():
            return []
        opened: list[int] = []
        try:
            for volume in volumes:
                if volume["bind"]:
                    folder = Path(volume["bind"])
                    volume["fd"] = await self._linked.open(folder, read_only=volume["read_only"])
                    opened.append(volume["fd"])
        except BaseException:
            for number in opened:
                os.close(number)
            raise
        return opened

    async def _fork_warm(
        self, spec: ContainerSpec, request: dict[str, Any], fds: list[int]
    ) -> socket.socket | None:
        """None where the warm parent could not be had, or has just died."""
        if not requests.fits_parent(self._home, spec):
            return None
        key = requests.parent_key(self._home, spec.image, spec.overlays, spec.env)
        parent = await self._parents.get(
            key, requests.parent_request(self._home, spec.image, spec.overlays, spec.env)
        )
        if not await parent.ready():
            _log.info("no warm parent for image %s: %s", spec.image.image_id, parent.problem)
            return None
        ours, theirs = channel_pair()
        with theirs:
            is_sent = parent.fork(request, theirs, fds)
        if not is_sent:
            ours.close()
            return None
        return await self._wait_started(spec.task_id, ours)

    async def _launch(self, spec: ContainerSpec, request: dict[str, Any], fds: list[int]) -> socket.socket:
        ours, theirs = channel_pair()
        try:
            with theirs:
                status = await uninterrupted(_run_launcher(request, theirs, fds))
        except BaseException:
            await uninterrupted(give_up(ours))
            raise
        channel = await self._wait_started(spec.task_id, ours)
        if channel is None:
            raise _start_error(spec.task_id, f"its launcher ended with status {status} and said nothing")
        return channel

    async def _wait_started(self, task_id: str, channel: socket.socket) -> socket.socket | None:
        """The channel once the container runs; None where its other end went away without a word."""
        try:
            async with asyncio.timeout(self.start_limit_s):
                message = await receive(channel)
        except TimeoutError:
            message = {"error": f"it took more than {self.start_limit_s:.0f} seconds"}
            await uninterrupted(give_up(channel))
        except BaseException:
            await uninterrupted(give_up(channel))
            raise
        if message is not None and "error" not in message:
            return channel
        channel.close()
        if message is None:
            return None
        raise _start_error(task_id, message["error"])

    # ending, and finding again

    def _ended(self, task_id: str) -> None:
        self._running.pop(task_id, None)
        self._groups.remove(task_id)
        self._events.on_exec(task_id)  # before the folder goes
        self._events.on_exit(self._read_exit(task_id))

    def _read_exit(self, task_id: str) -> ContainerExit:
        path = self._folder(task_id) / "exit.json"
        try:
            return ContainerExit(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return self._lost(task_id)

    def _lost(self, task_id: str) -> ContainerExit:
        """The supervisor was killed itself, or the machine went down: nobody saw the end."""
        return ContainerExit(
            task_id, 137, signal=9, reason="the container's supervisor was killed", ended_at=time.time()
        )

    def _adopt(self, task_id: str) -> None:
        if not (self._folder(task_id) / "exit.json").exists():
            with suppress(OSError):
                channel = connect(self._folder(task_id) / "ctl.sock")
                self._running[task_id] = Supervised(task_id, channel, self._ended)
                return
        self._events.on_exit(self._read_exit(task_id))


async def _run_launcher(request: dict[str, Any], channel: socket.socket, fds: list[int]) -> int:
    """The launcher's exit status. The supervisor is its child, and on its own."""
    process = await spawn_launcher(request, channel, pass_fds=fds)
    return await process.wait()


def _make_notes(folder: Path, key: bytes) -> None:
    """The file that the container's processes append to, whichever user they become; see inside/notes.py."""
    for name, content in ((NOTES_KEY, key), (NOTES, b"")):
        path = folder / name
        path.write_bytes(content)
        path.chmod(0o666 if name == NOTES else 0o644)
        own(path)


def _start_error(task_id: str, problem: str) -> ContainerStartError:
    sentence = f"The container of task {task_id} could not be started: {problem}."
    return ContainerStartError(f"{sentence} {cure(problem)}".rstrip())
