"""All that there is of runs, put together, and who tells them what happens."""

import logging
import os
import time
from pathlib import Path
from typing import Final

import msgspec

from homeport.control.apps import Apps
from homeport.control.calls import Calls
from homeport.control.containers import Containers
from homeport.control.definitions import Definition
from homeport.control.functions import Functions
from homeport.control.runs.compose import machine_facts
from homeport.control.runs.configs import RunConfigs
from homeport.control.runs.folders import COMMANDS, write_whole
from homeport.control.runs.functions import described
from homeport.control.runs.runs import FindLauncher, Runs
from homeport.control.runs.samples import Samples
from homeport.control.runs.sources import Defined, RunSources
from homeport.control.runs.task_record import TaskRecords
from homeport.control.runs.writer import RunWriter
from homeport.control.starting import Starter
from homeport.model.home import Home
from homeport.plan.resources import Machine
from homeport.record.masking import masked_words
from homeport.record.run import Command
from homeport.runtime.engine import ContainerSpec, ExecSpec
from homeport.store.database import Database

logger = logging.getLogger(__name__)

_SWITCH: Final = "HOMEPORT_RECORD"  # off: for the benchmark of what recording costs


class RunService:
    """Builds the parts. `open` and `close` frame the engine's life; both need the event loop."""

    def __init__(
        self,
        home: Home,
        db: Database,
        machine: Machine,
        functions: Functions,
        tasks: TaskRecords,
        find_launcher: FindLauncher | None = None,
    ) -> None:
        self._home = home
        self._machine = machine
        self._functions = functions
        self._tasks = tasks
        self.writer = RunWriter(home, db)
        self.runs = Runs(home, db, functions, self.writer, find_launcher)
        self.sources = RunSources(home, db, self._defined)
        self.configs = RunConfigs(home)
        self.samples: Samples | None = None  # needs the containers, which come later
        self.runs.on_leaving = self.configs.look
        self.runs.on_left = self._task_left
        self.runs.on_launched = self.sources.begin
        self.writer.before = self.sources.ready
        self.writer.values_of = self.sources.values_of = self.runs.handed.of
        self.writer.on_cleared = self.runs.handed.sweep

    def connect(self, apps: Apps, calls: Calls, containers: Containers, starter: Starter) -> None:
        """Has the runs hear of all that happens."""
        if os.environ.get(_SWITCH) == "off":
            starter.has_notes = False
            return
        self.runs.recover()
        apps.on_created.append(self.runs.created)
        apps.on_publish += [self.sources.publish, self.runs.published]
        apps.on_stopped.append(self.runs.stopped)
        calls.runs = self.runs
        calls.backlog.on_settled.append(self.runs.settled)
        starter.on_recording = self._record_task
        starter.on_composed = self.runs.starting
        calls.attempts.on_claimed = self.runs.claimed
        containers.on_output = self.runs.watch.grew
        containers.on_left_over = self.runs.left_over
        containers.lives.on_ended.append(self.runs.container_ended)
        self.samples = Samples(
            self._home,
            containers.lives.tasks.values,
            lambda task_id: bool(self.runs.watch.runs_of(task_id)),
            self.runs.watch.sampled,
            self.configs.look,
        )

    def open(self, isolation: str) -> None:
        """After calls and containers were taken up."""
        self.writer.open()
        try:
            machine = self._machine
            facts = machine_facts(machine.cpus, machine.memory_mib << 20, machine.gpus, isolation)
            write_whole(self._home.runs / "machine.json", msgspec.json.encode(facts))
        except OSError as error:
            logger.warning("records will not tell the machine: %s", error)
        self.runs.open()
        if self.samples is not None:
            self.samples.open()

    async def close(self) -> None:
        if self.samples is not None:
            await self.samples.close()
        await self.runs.close()
        await self.writer.close()
        await self.sources.close()

    def _record_task(self, folder: Path, definition: Definition, spec: ContainerSpec) -> None:
        if definition.is_build_step:
            return
        try:
            self._tasks.begin(folder, definition, spec)
        except Exception as error:
            logger.exception("limits and volumes of %s", folder.name)
            self.runs.folders.miss(
                definition.app_id, f"Limits and volumes of {folder.name} were not recorded: {error}."
            )

    def note_command(self, task_id: str, spec: ExecSpec) -> None:
        """Somebody runs a command in a container from outside. Values of its `env` are not written down."""
        if not self.runs.watch.runs_of(task_id):
            return
        try:
            line = msgspec.json.encode(Command(time.time(), masked_words(spec.command)))
            with (self._home.tasks / task_id / COMMANDS).open("ab") as file:
                file.write(line + b"\n")
        except OSError as error:
            logger.warning("a command in %s is not in the record: %s", task_id, error)

    def _task_left(self, folder: Path) -> None:
        self.configs.forget(folder.name)
        self._tasks.end(folder)

    def _defined(self, app_id: str) -> Defined:
        published = self._functions.published(app_id)
        return Defined(
            described(
                [each for each in published if not each.base_id], self._machine, self._tasks.secret_names
            ),
            frozenset(mount_id for each in published for mount_id in each.function.mount_ids),
        )
