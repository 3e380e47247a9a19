"""One pass over a definition's instructions: each is taken from the cache, or run where that is permitted.

What an instruction means is plan/recipe.py's, how a step runs runtime/image_builder.py's.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from homeport.control.image_definition import (
    UV_IMAGE,
    BuildFailedError,
    FunctionRunner,
    ImageDefinition,
    NotThereError,
    Result,
    RunFunction,
)
from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError, NotServedError
from homeport.model.home import Home
from homeport.plan.instructions import Arg, Copy, From, Instruction, Remark, Run, User, Workdir
from homeport.plan.layer_key import layer_key
from homeport.plan.recipe import (
    ImageState,
    Variable,
    advance,
    copy_key,
    copy_paths,
    run_key,
    unused_build_args,
)
from homeport.plan.system_packages import PRELUDE_PACKAGES, apt_use, is_client_prelude
from homeport.plan.words import expand
from homeport.runtime.base_image import BaseImage, ensure_base_image, ready_base_image
from homeport.runtime.context import Context
from homeport.runtime.image_builder import ImageBuilder
from homeport.runtime.layers import LayerStore
from homeport.runtime.package_sources import read_package_sources
from homeport.runtime.step_output import StepEndedError, StepFailedError
from homeport.runtime.userland import missing_packages
from homeport.runtime.uv import Log
from homeport.store.database import Database

_INSTALLS = re.compile(r"\b(pip3?|uv)\b")


@dataclass(frozen=True)
class Workplace:
    """Where all walks of one engine work. `contents`: hashes of what COPYs take, by mount and sources."""

    home: Home
    db: Database
    store: LayerStore
    builder: ImageBuilder
    functions: Callable[[], FunctionRunner]
    contents: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Voice:
    """Where a build talks: `write` takes the steps' output, `say` the engine's own lines."""

    write: Log
    say: Log


class Walk:
    """One pass over a definition's instructions, with or without permission to make what is missing."""

    def __init__(
        self,
        workplace: Workplace,
        definition: ImageDefinition,
        context: Context,
        secret_values: Mapping[str, str],
        voice: Voice | None,
    ) -> None:
        self._home = workplace.home
        self._db = workplace.db
        self._store = workplace.store
        self._builder = workplace.builder
        self._functions = workplace.functions
        self._contents = workplace.contents
        self._definition = definition
        self._context = context
        self._voice = voice
        self._forced = definition.force_build or definition.ignore_cache
        self._salt = secrets.token_hex(8)
        self._secrets = secret_values
        self._number = 0

    async def run(self, instructions: list[Instruction]) -> Result:
        result = await self._start(instructions)
        if is_client_prelude(instructions):
            return self._meet_prelude(result, instructions)
        begun = False
        for instruction in instructions:
            if isinstance(instruction, From):
                begun = True
            elif begun:
                self._number += 1
                self._say(f"=> Step {self._number}: {instruction.text}\n")
                result = await self._take(result, instruction)
        unused = unused_build_args(self._definition.build_args, result.state.arguments)
        if unused:
            result = self._note(result, f"build arguments that no ARG declares: {', '.join(unused)}")
        if self._definition.gpu and any(isinstance(entry, Run) for entry in instructions):
            note = f"gpu={self._definition.gpu} was asked for the build, which ran on the CPU"
            result = self._note(result, note)
        return replace(result, state=replace(result.state, arguments={}))

    async def _start(self, instructions: list[Instruction]) -> Result:
        """What FROM stands for; ARGs before it can only be used in it."""
        state = ImageState("")
        for instruction in instructions:
            if isinstance(instruction, Arg):
                state = advance(state, instruction, self._definition.build_args)
            elif isinstance(instruction, From):
                name = expand(instruction.image, state.variables)
                self._say(f"=> Step 0: FROM {name}\n")
                if name in self._definition.base_images:
                    return self._derive(self._definition.base_images[name])
                return await self._base(name)
        raise InvalidError("An image definition has to begin with FROM.")

    def _derive(self, image_id: str) -> Result:
        row = self._db.one("image_by_id", image_id=image_id)
        if row is None:
            raise NotFoundError(f"There is no image {image_id}. Run the app again, which builds it.")
        if row["state"] != 1:
            raise FailedPreconditionError(f"Image {image_id}, from which this one is derived, is not built.")
        env = {name: Variable(value, set_by) for name, value, set_by in json.loads(row["env"])}
        state = ImageState(
            key=row["key"],
            env=env,
            workdir=row["workdir"],
            shell=tuple(json.loads(row["shell"])),
            entrypoint=tuple(json.loads(row["entrypoint"])),
            cmd=tuple(json.loads(row["cmd"])),
        )
        layers = tuple(json.loads(row["layers"]))
        notes = tuple(json.loads(row["notes"]))
        return Result(state, layers, row["python_series"], notes, row["metadata"], bool(row["host_usr"]))

    async def _base(self, tag: str) -> Result:
        base = await ready_base_image(self._home, self._store, tag)
        if base is None:
            if self._voice is None:
                raise NotThereError
            base = await ensure_base_image(self._home, self._store, tag, self._voice.say)
        for note in base.notes:
            self._say(f"{note}\n")
        return self._base_result(tag, base)

    def _base_result(self, tag: str, base: BaseImage) -> Result:
        env = {name: Variable(value, f"FROM {tag}") for name, value in base.env.items()}
        key = layer_key("", "FROM", tag, base.identity)
        return Result(
            ImageState(key, env), tuple(layer.name for layer in base.layers), base.python.series, base.notes
        )

    def _meet_prelude(self, result: Result, instructions: list[Instruction]) -> Result:
        """The client's own first steps: this machine's userland and the Python layer have what they want."""
        missing = missing_packages(PRELUDE_PACKAGES)
        lines = [
            f"apt-get install {' '.join(PRELUDE_PACKAGES)}: met by this machine's userland, missing: "
            + (", ".join(missing) or "nothing"),
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

    async def _take(self, result: Result, instruction: Instruction) -> Result:
        if isinstance(instruction, Run):
            return await self._run(result, instruction)
        if isinstance(instruction, Copy):
            return await self._copy(result, instruction)
        if isinstance(instruction, RunFunction):
            return await self._function(result, instruction)
        state = advance(result.state, instruction, self._definition.build_args)
        if isinstance(instruction, Workdir):
            return await self._workdir(replace(result, state=state), instruction)
        if isinstance(instruction, Remark):
            return self._note(result, f"`{instruction.text}` has no effect in a function's container")
        assert not isinstance(instruction, User) or state == result.state
        return replace(result, state=state)

    async def _run(self, result: Result, step: Run) -> Result:
        use = apt_use(step)
        if use is not None:
            result = self._meet_apt(result, use.packages)
            if not use.rest:
                return result
            step = replace(step, command=use.rest, argv=None)
        state = result.state
        env = {**state.arguments, **state.plain_env}
        if _INSTALLS.search(step.command):
            sources = read_package_sources().note()
            if sources:
                result = result.noting(f"packages came by this machine's configuration: {sources}")
        names = tuple(sorted(self._secrets))

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
            )

        return await self._step(result, step, run_key(state, step, names), make)

    def _meet_apt(self, result: Result, packages: tuple[str, ...]) -> Result:
        """This machine's userland has the packages, or the definition had been refused."""
        if not packages:
            self._say("(left out: packages are this machine's own)\n")
            return result
        result = self._note(result, f"apt-get install {' '.join(packages)}: met by this machine's userland")
        key = layer_key(result.state.key, "apt", packages)  # an image of its own: its notes are others
        return replace(result, state=replace(result.state, key=key))

    async def _copy(self, result: Result, step: Copy) -> Result:
        sources, target = copy_paths(result.state, step)
        if step.image is not None:
            return await self._copy_uv(result, step, target)
        content = await self._content(sources)

        async def make(key: str) -> Path:
            return await self._builder.copy(
                key=key,
                layers=self._paths(result),
                context=self._context,
                sources=sources,
                target=target,
                mode=step.mode,
                log=self._write,
                host_usr=result.host_usr,
            )

        return await self._step(result, step, copy_key(result.state, step, content), make)

    async def _content(self, sources: tuple[str, ...]) -> str:
        """A hash of what a COPY takes, computed once for the same tree of a mount."""
        context = self._context
        if context.contents:
            return await asyncio.to_thread(context.digest, sources)
        known = self._contents.get((context.checksum, sources))
        if known is None:
            known = self._contents[context.checksum, sources] = await asyncio.to_thread(
                context.digest, sources
            )
        return known

    async def _copy_uv(self, result: Result, step: Copy, target: str) -> Result:
        """The client's uv_pip_install fetches uv from a registry's image; here it is PyPI's same program."""
        found = UV_IMAGE.fullmatch(step.image or "")
        assert found is not None, "checked before anything ran"
        if step.sources != ("/uv",) or target.endswith("/"):
            raise NotServedError(f"Homeport serves of `{step.text}` only the file /uv, to a file's name.")
        version = None if found[1] in (None, "latest") else found[1]

        async def make(key: str) -> Path:
            return await self._builder.copy_uv(
                key=key,
                layers=self._paths(result),
                version=version,
                target=target,
                log=self._write,
                host_usr=result.host_usr,
            )

        return await self._step(result, step, copy_key(result.state, step, ""), make)

    async def _workdir(self, result: Result, step: Workdir) -> Result:
        path = result.state.workdir or "/"

        async def make(key: str) -> Path:
            return await self._builder.make_folder(
                key=key,
                layers=self._paths(result),
                path=path,
                env=result.state.plain_env,
                log=self._write,
                host_usr=result.host_usr,
            )

        return await self._step(result, step, result.state.key, make)

    async def _function(self, result: Result, step: RunFunction) -> Result:
        """Image.run_function: a container's files, keyed by what the client says of the function."""
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

    async def _step(
        self, result: Result, step: Instruction, key: str, make: Callable[[str], Awaitable[Path]]
    ) -> Result:
        """The result with the step's layer: the known one, or a new one."""
        row = None if self._forced else self._db.one("image_step", key=key)
        if row is not None and (self._home.layers / row["layer"]).is_dir():
            self._say("(as built before)\n")
            return result.with_layer(row["layer"], row["result_key"])
        if self._voice is None:
            raise NotThereError
        result_key = layer_key(key, "forced", self._salt) if self._forced else key
        started = time.monotonic()
        try:
            layer = await make(result_key)
        except StepFailedError as error:
            raise BuildFailedError(self._failure(step, error), error.status) from None
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
        return result.with_layer(layer.name, result_key)

    def _failure(self, step: Instruction, error: StepFailedError) -> str:
        lines = "\n".join(error.last_lines)
        how = f"ended with exit status {error.status}: {step.text}"
        if error.reason:
            how = f"failed: {step.text} {error.reason}"
        return f"Step {self._number} of the image {how}\n" + (
            f"The last lines of its output:\n{lines}" if lines else "It printed nothing."
        )

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
            self._voice.write(text)
