"""One pass over a definition's instructions: each is taken from the cache, or run where that is permitted.

What FROM stands for is image_bases.py's, what COPY takes image_copies.py's, what an instruction means
plan/recipe.py's, how a step runs the runtime's.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from homeport.control.added_python import AddedPython
from homeport.control.added_uv import AddedUv
from homeport.control.image_bases import Bases
from homeport.control.image_copies import Copies, Origin, copying
from homeport.control.image_definition import (
    UV_IMAGE,
    BuildFailedError,
    FunctionRunner,
    ImageDefinition,
    NotThereError,
    Result,
    RunFunction,
    Voice,
)
from homeport.control.registry_images import Asked
from homeport.control.torch_builds import TorchBuilds
from homeport.model.errors import FailedPreconditionError, NotFoundError, NotServedError
from homeport.model.home import Home
from homeport.plan.instructions import Copy, From, Instruction, Remark, Run, User, Workdir
from homeport.plan.layer_key import layer_key
from homeport.plan.recipe import ROOT, advance, copy_key, run_key, unused_build_args
from homeport.plan.stages import Stage, StagePlan, plan_stages
from homeport.plan.system_packages import PRELUDE_PACKAGES, apt_use, closed_usr, is_client_prelude
from homeport.runtime import isolation
from homeport.runtime.commands import NO_ROOT, remove_tree
from homeport.runtime.context import Context
from homeport.runtime.file_steps import Copying, FileSteps, Ground, Source
from homeport.runtime.image_builder import ImageBuilder
from homeport.runtime.layers import LayerStore
from homeport.runtime.package_sources import read_package_sources
from homeport.runtime.step_mounts import step_mounts
from homeport.runtime.step_output import StepEndedError, StepFailedError
from homeport.runtime.userland import architecture, missing_packages
from homeport.store.database import Database

_SECRET_LENGTH = 8  # shorter values are words that a log may well hold
_INSTALLS = re.compile(r"\b(pip3?|uv)\b")


@dataclass(frozen=True)
class Workplace:
    """Where all walks of one engine work. `contents`: hashes of what COPYs take, by mount and sources."""

    home: Home
    db: Database
    store: LayerStore
    builder: ImageBuilder
    files: FileSteps
    bases: Bases
    functions: Callable[[], FunctionRunner]
    torch: TorchBuilds
    contents: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)


# an image over this machine's userland, by its id, made again over a root file system of its own
Rebase = Callable[[str], Awaitable[Result]]


class Walk:
    """One pass over a definition's instructions, with or without permission to make what is missing."""

    def __init__(
        self,
        workplace: Workplace,
        definition: ImageDefinition,
        context: Context,
        secret_values: Mapping[str, str],
        asked: Asked,
        voice: Voice | None,
        rebase: Rebase,
    ) -> None:
        self._home = workplace.home
        self._db = workplace.db
        self._store = workplace.store
        self._builder = workplace.builder
        self._functions = workplace.functions
        self._torch = workplace.torch
        self._files = workplace.files
        self._bases = workplace.bases
        self._copies = Copies(context, workplace.contents)
        self._definition = definition
        self._context = context
        self._asked = asked
        self._voice = voice
        self._rebase = rebase
        self._forced = definition.force_build or definition.ignore_cache
        self._salt = secrets.token_hex(8)
        self._secrets = secret_values
        self._number = 0
        self._stages: dict[int, Result] = {}
        self._images: dict[str, Result] = {}  # that COPY --from and mounts name

    async def run(self, instructions: list[Instruction]) -> Result:
        plan = plan_stages(instructions, self._definition.build_args, architecture())
        if is_client_prelude(instructions):
            self._say(f"=> Step 0: FROM {plan.wanted[-1].image}\n")
            base = await self._bases.local(plan.wanted[-1].image, self._asked, self._voice)
            return self._meet_prelude(base, instructions)
        for stage in plan.wanted:
            self._stages[stage.number] = await self._stage(stage, plan)
        result = self._stages[plan.wanted[-1].number]
        if plan.left_out:
            result = self._note(
                result, "stages that the last one needs nothing of were left out, as Docker does"
            )
        unused = unused_build_args(self._definition.build_args, plan.declared)
        if unused:
            result = self._note(result, f"build arguments that no ARG declares: {', '.join(unused)}")
        if self._definition.gpu and any(isinstance(entry, Run) for entry in instructions):
            note = f"gpu={self._definition.gpu} was asked for the build, which ran on the CPU"
            result = self._note(result, note)
        return result

    async def _stage(self, stage: Stage, plan: StagePlan) -> Result:
        result = await self._begin(stage)
        for name, source in stage.sources.items():
            if isinstance(source, str) and not UV_IMAGE.fullmatch(source):
                self._images[name] = await self._other(source)
        for instruction in stage.instructions:
            self._number += 1
            self._say(f"=> Step {self._number}: {instruction.text}\n")
            result = await self._take(result, instruction, stage, plan)
        return replace(result, state=replace(result.state, arguments={}))

    async def _begin(self, stage: Stage) -> Result:
        """What the stage's FROM stands for."""
        name = f" AS {stage.begin.name}" if stage.begin.name else ""
        self._say(f"=> Step {self._number}: FROM {stage.image}{name}\n")
        if stage.parent is not None:
            return self._stages[stage.parent]
        return await self._image(stage.image)

    async def _other(self, name: str) -> Result:
        """An image that COPY --from or a mount names. Raises what is wrong, and that it is no stage."""
        try:
            return await self._image(name)
        except (FailedPreconditionError, NotFoundError) as error:
            if any(character in name for character in "/:@."):
                raise
            raise type(error)(
                f"There is no stage {name!r} before what takes from it; and as an image: {error}"
            ) from None

    async def _image(self, name: str) -> Result:
        if name in self._definition.base_images:
            return await self._derived(self._definition.base_images[name])
        return await self._bases.find(name, self._asked, self._voice)

    async def _derived(self, image_id: str) -> Result:
        result = self._bases.derived(image_id)
        if not self._asked.own_root or not result.host_usr:
            return result
        self._say("(over a root file system of its own, which apt may change)\n")
        return await self._rebase(image_id)

    def _meet_prelude(self, result: Result, instructions: list[Instruction]) -> Result:
        """The client's own first steps: the userland and the Python layer have what they want."""
        missing = ", ".join(missing_packages(PRELUDE_PACKAGES)) or "nothing"
        met = f"this machine's userland, missing: {missing}" if result.host_usr else "the root file system"
        lines = [
            f"apt-get install {' '.join(PRELUDE_PACKAGES)}: met by {met}",
            "pip install --upgrade pip wheel uv: met by the Python layer, which holds them",
        ]
        for line in lines:
            result = self._note(result, line)
        state = result.state
        for instruction in instructions:
            if not isinstance(instruction, (From, Run)):
                state = advance(state, instruction, {})
        # the same key for a forced build: nothing was run, and the steps that follow have to find their place
        return replace(result, state=replace(state, key=layer_key(state.key, "prelude")))

    async def _take(self, result: Result, instruction: Instruction, stage: Stage, plan: StagePlan) -> Result:
        if isinstance(instruction, Run):
            return await self._run(result, instruction, stage)
        if isinstance(instruction, Copy):
            return await self._copy(result, instruction, stage)
        if isinstance(instruction, RunFunction):
            return await self._function(result, instruction)
        state = advance(result.state, instruction, self._definition.build_args, plan.arguments)
        result = replace(result, state=state)
        if isinstance(instruction, Workdir):
            return await self._workdir(result, instruction)
        if isinstance(instruction, Remark):
            return self._note(result, f"`{instruction.text}` has no effect in a function's container")
        if isinstance(instruction, User) and state.user not in ROOT:
            return self._note(
                result, f"`{instruction.text}` is emulated: the steps after it run as the image's root"
            )
        return result

    async def _run(self, result: Result, step: Run, stage: Stage) -> Result:
        use = apt_use(step) if result.host_usr else None
        if use is not None:
            result = self._meet_apt(result, use.packages)
            if not use.rest:
                return result
            step = replace(step, command=use.rest, argv=None)
        state = result.state
        torch = await self._torch.environment(step.command)
        env = {**torch, **state.arguments, **state.plain_env}
        if torch:
            self._say("(PyTorch, if it is needed, comes as its CPU build: this machine has no GPU)\n")
        if _INSTALLS.search(step.command):
            sources = read_package_sources().note()
            if sources:
                result = result.noting(f"packages came by this machine's configuration: {sources}")
        names = tuple(sorted(self._secrets))
        shown = [self._key_of(mount.image, stage) for mount in step.mounts if mount.image is not None]
        if any(mount.kind == "bind" and mount.image is None for mount in step.mounts):
            shown.append(self._context.checksum)
        shown.extend(torch.values())

        async def make(key: str) -> Path:
            return await self._builder.run(
                key=key,
                layers=self._paths(result),
                command=step.command,
                argv=step.argv,
                shell=state.shell,
                env=env,
                secrets=self._secrets,
                workdir=state.workdir or "/",
                log=self._write,
                host_usr=result.host_usr,
                mounts=step_mounts(
                    self._home,
                    step.mounts,
                    state,
                    self._context,
                    self._secrets,
                    lambda name: self._ground_of(name, stage),
                ),
            )

        return await self._step(result, step, run_key(state, step, names, tuple(shown)), make)

    def _key_of(self, name: str, stage: Stage) -> str:
        source = stage.sources[name]
        return (self._stages[source] if isinstance(source, int) else self._images[name]).state.key

    def _meet_apt(self, result: Result, packages: tuple[str, ...]) -> Result:
        """This machine's userland has the packages, or the definition had been refused."""
        if not packages:
            self._say("(left out: packages are this machine's own)\n")
            return result
        result = self._note(result, f"apt-get install {' '.join(packages)}: met by this machine's userland")
        key = layer_key(result.state.key, "apt", packages)  # an image of its own: its notes are others
        return replace(result, state=replace(result.state, key=key))

    async def _copy(self, result: Result, step: Copy, stage: Stage) -> Result:
        if self._context.python and step.image is None:
            return await self._add_python(result, step)
        uv = None if step.image is None else self._added_uv(step.image, stage)
        origin = None if step.image is None else self._origin(step.image, stage, uv)
        content = await self._copies.content(result.state, step, origin)

        async def make(key: str) -> Path:
            linked = uv and await uv.link(key, step, result.state, self._paths(result), self._say)
            if linked:
                return linked
            scratch = self._store.scratch()
            try:
                sources = await self._copies.sources(result.state, step, origin, scratch, self._say)
                what = copying(result.state, step)
                return await self._files.copy(key, self._ground(result), sources, what, self._write)
            finally:
                await asyncio.to_thread(remove_tree, scratch)

        result = await self._step(result, step, copy_key(result.state, step, content), make)
        if step.owner not in (None, *ROOT):
            return self._note(result, f"--chown={step.owner} is emulated: the files are the image's root's")
        return result

    async def _add_python(self, result: Result, step: Copy) -> Result:
        """The client's `COPY /python/. /usr/local`: a Python of this machine that needs nothing of it."""
        added = AddedPython(self._home, self._store, self._builder, self._context.python)
        added.check(step, self._paths(result))

        async def make(key: str) -> Path:
            python = await added.python(
                self._paths(result), result.state.plain_env, result.host_usr, self._say
            )
            source = Source(python.tree / "usr/local", ("/",), "the added Python")
            return await self._files.copy(
                key,
                self._ground(result),
                [source],
                Copying("/usr/local/", excludes=added.left_out),
                self._write,
            )

        key = copy_key(result.state, step, f"python {added.series}")
        result = await self._step(result, step, key, make)
        # which Python the image has is to be asked now: this one, or another that PATH finds first
        return self._note(replace(result, python_series=""), await added.note())

    def _added_uv(self, name: str, stage: Stage) -> AddedUv | None:
        source = stage.sources[name]
        if isinstance(source, int) or name in self._images or not UV_IMAGE.fullmatch(source):
            return None
        return AddedUv(self._store, self._builder, source)

    def _origin(self, name: str, stage: Stage, uv: AddedUv | None) -> Origin:
        """The image that a COPY --from takes from."""
        if uv is not None:
            return Origin(lambda: uv.source(self._say), uv.key)
        source = stage.sources[name]
        result = self._stages[source] if isinstance(source, int) else self._images[name]
        origin = f"the stage {name}" if isinstance(source, int) else f"the image {name}"
        return Origin(lambda: _ready(Source(self._ground(result), (), origin)), result.state.key)

    async def _workdir(self, result: Result, step: Workdir) -> Result:
        path = result.state.workdir or "/"

        async def make(key: str) -> Path:
            return await self._files.folder(key, self._ground(result), path)

        return await self._step(result, step, result.state.key, make)

    async def _function(self, result: Result, step: RunFunction) -> Result:
        """Image.run_function: a container's files, keyed by what the client says of the function."""
        if isolation.chosen() == isolation.PROCESS:
            raise NotServedError(f"`{step.text}` {NO_ROOT}")
        function = step.function
        runner = self._functions()

        async def make(key: str) -> Path:
            async def fill(tree: Path) -> Mapping[str, str]:
                await runner.run(function.function_id, function.input, tree, self._write)
                return {"kind": "step"}

            while True:
                try:
                    return await self._store.make(key, fill)
                except StepEndedError as error:  # another client asked first, and was stopped
                    if error.function_id == function.function_id:
                        raise

        for warning in runner.warnings(function.function_id):
            result = self._note(result, warning)
        key = layer_key(result.state.key, "FUNCTION", function.parts)
        return await self._step(result, step, key, make)

    def _ground(self, result: Result) -> Ground:
        return Ground(self._paths(result), result.host_usr)

    def _ground_of(self, name: str, stage: Stage) -> Ground:
        source = stage.sources[name]
        return self._ground(self._stages[source] if isinstance(source, int) else self._images[name])

    async def _step(
        self, result: Result, step: Instruction, key: str, make: Callable[[str], Awaitable[Path]]
    ) -> Result:
        """The result with the step's layer: the known one, or a new one."""
        row = None if self._forced else self._db.one("image_step", key=key)
        if row is not None and (self._home.layers / row["layer"]).is_dir():
            self._store.touch(row["layer"])
            self._say("(as built before)\n")
            return self._with_layer(result, row["layer"], row["result_key"])
        if self._voice is None:
            raise NotThereError
        result_key = layer_key(key, "forced", self._salt) if self._forced else key
        started = time.monotonic()
        if self._store.is_being_made(result_key):
            self._say("(another client has this step built already; its log has the output)\n")
        try:
            layer = await make(result_key)
        except StepFailedError as error:
            said = self._failure(step, error) + (closed_usr(error.last_lines) if result.host_usr else "")
            raise BuildFailedError(said, error.status) from None
        self._say(f"({time.monotonic() - started:.1f} s)\n")
        if not self._definition.ignore_cache:
            self._db.run(
                "set_image_step",
                key=key,
                result_key=result_key,
                layer=layer.name,
                instruction=step.text,
                made_at=time.time(),
            )
        return self._with_layer(result, layer.name, result_key)

    def _with_layer(self, result: Result, name: str, key: str) -> Result:
        """Also what was found remarkable when the layer was made."""
        remarks = self._store.facts(self._store.folder(name)).get("remarks", ())
        for remark in remarks:
            result = self._note(result, remark)
        return result.with_layer(name, key)

    def _failure(self, step: Instruction, error: StepFailedError) -> str:
        lines = "\n".join(error.last_lines)
        how = f"ended with exit status {error.status}: {step.text}"
        if error.reason:
            how = f"failed: {step.text} {error.reason}"
        said = f"The last lines of its output:\n{self._hidden(lines)}" if lines else "It printed nothing."
        cure = ""
        if "No space left on device" in lines:
            cure = (
                f"\nThe disk of {self._home.root} was full, and nothing of the step was kept. To get room: "
                "homeport image prune"
            )
        return f"Step {self._number} of the image {how}\n{said}{cure}"

    def _paths(self, result: Result) -> tuple[Path, ...]:
        return tuple(self._home.layers / name for name in result.layers)

    def _note(self, result: Result, note: str) -> Result:
        self._say(f"{note}\n")
        return result.noting(note)

    def _say(self, text: str) -> None:
        if self._voice is not None:
            self._voice.say(text)

    def _write(self, text: str) -> None:
        if self._voice is not None:
            self._voice.write(self._hidden(text))

    def _hidden(self, text: str) -> str:
        """The text without values of Secrets, which a step may print by accident, as `set -x` does."""
        for value in self._secrets.values():
            if len(value) >= _SECRET_LENGTH:
                text = text.replace(value, "****")
        return text


async def _ready(source: Source) -> Source:
    return source
