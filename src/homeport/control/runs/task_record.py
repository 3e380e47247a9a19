"""What is written of a container before it exists, `task.json`, and of its volumes once it has ended."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from homeport.control.definitions import Definition
from homeport.control.functions import Functions
from homeport.control.runs.configs import roots_of, write_roots
from homeport.control.runs.folders import write_whole
from homeport.control.runs.limits import gpus_of, limits_of
from homeport.control.runs.task_files import TaskFile
from homeport.control.sandbox_definition import judged
from homeport.control.volume_states import VolumeStates
from homeport.model.errors import HomeportError, NotFoundError
from homeport.plan.resources import Machine
from homeport.record.masking import masked_words
from homeport.record.run import Volume
from homeport.runtime.engine import ContainerSpec


class TaskRecords:
    """Of the containers of one engine."""

    def __init__(
        self,
        machine: Machine,
        functions: Functions,
        states: VolumeStates,
        secret_name: Callable[[str], str],
    ) -> None:
        self._machine = machine
        self._functions = functions
        self._states = states
        self._secret_name = secret_name
        self._warnings: dict[str, tuple[str, ...]] = {}  # by definition

    def begin(self, folder: Path, definition: Definition, spec: ContainerSpec) -> None:
        """After its volumes were attached."""
        function, gpu_devices = definition.function, spec.gpu_devices
        record = TaskFile(
            limits=limits_of(definition, self._machine, gpu_devices),
            secrets=tuple(self.secret_names(function.secret_ids)),
            volumes=tuple(
                Volume(
                    name=self._volume_name(mount.volume_id),
                    volume_id=mount.volume_id,
                    path=mount.mount_path,
                    seen=self._state(mount.volume_id),
                    is_read_only=mount.read_only,
                )
                for mount in function.volume_mounts
            ),
            gpus=gpus_of(self._machine, gpu_devices),
            command=masked_words(definition.sandbox.entrypoint_args)
            if definition.sandbox is not None
            else (),
            not_honoured=self._not_honoured(definition),
        )
        write_whole(folder / "task.json", msgspec.json.encode(record))
        write_roots(folder, roots_of(spec, folder, self._volume_name))

    def end(self, folder: Path) -> None:
        """After the last commit of its volumes."""
        path = folder / "task.json"
        if not path.exists():
            return  # its start was refused before it was written
        record = msgspec.json.decode(path.read_bytes(), type=TaskFile)
        if record.volumes:
            record.volumes = tuple(replace(v, committed=self._state(v.volume_id)) for v in record.volumes)
            write_whole(path, msgspec.json.encode(record))

    def secret_names(self, secret_ids: Iterable[str]) -> Iterable[str]:
        for secret_id in secret_ids:
            try:
                yield self._secret_name(secret_id)
            except NotFoundError:
                yield secret_id

    def _volume_name(self, volume_id: str) -> str:
        try:
            return self._states.get(volume_id).name or volume_id
        except NotFoundError:
            return volume_id

    def _state(self, volume_id: str) -> str:
        """The newest of the deltas that make the volume: two states of one name hold the same files."""
        try:
            volume = self._states.get(volume_id)
        except NotFoundError:
            return "deleted"
        if volume.linked_path is not None:
            return f"folder {volume.linked_path}"
        return f"state {volume.stack[0]}" if volume.stack else "empty"

    def _not_honoured(self, definition: Definition) -> tuple[str, ...]:
        if definition.sandbox is not None:
            return (*judged(definition.sandbox), *definition.grant.warnings)
        known = self._warnings.get(definition.definition_id)
        if known is None:
            try:
                known = tuple(self._functions.warnings([definition.function_id]))
            except HomeportError:
                known = ()
            self._warnings[definition.definition_id] = known
        return known
