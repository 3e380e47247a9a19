"""What instructions make of an image's configuration: environment, working directory, shell, key.

Pure: each function takes a state and gives the next. Steps that write files (RUN, COPY, WORKDIR) get their
key here and their layer in image_builder.py.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from homeport.model.errors import InvalidError
from homeport.plan.instructions import (
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Instruction,
    Run,
    Shell,
    Workdir,
)
from homeport.plan.layer_key import layer_key
from homeport.plan.words import expand

DEFAULT_SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True)
class Variable:
    """A variable of an image and the instruction that set it."""

    value: str
    set_by: str


@dataclass(frozen=True)
class ImageState:
    """An image's configuration after some instruction. `key` names everything that led to it."""

    key: str
    env: Mapping[str, Variable] = field(default_factory=dict)
    workdir: str | None = None
    shell: tuple[str, ...] = DEFAULT_SHELL
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)  # ARGs of this definition so far

    @property
    def variables(self) -> dict[str, str]:
        """What $NAME means in an instruction: ENV wins over ARG."""
        return {**self.arguments, **self.plain_env}

    @property
    def plain_env(self) -> dict[str, str]:
        return {name: variable.value for name, variable in self.env.items()}


def advance(state: ImageState, instruction: Instruction, build_args: Mapping[str, str]) -> ImageState:
    """The state after an instruction; for RUN and COPY, which need `step_key`, unchanged."""
    if isinstance(instruction, Env):
        return _set_env(state, instruction)
    if isinstance(instruction, Arg):
        return _declare(state, instruction, build_args)
    if isinstance(instruction, Workdir):
        path = resolve(state, expand(instruction.path, state.variables))
        return replace(state, workdir=path, key=layer_key(state.key, "WORKDIR", path))
    if isinstance(instruction, Shell):
        return replace(state, shell=instruction.argv, key=layer_key(state.key, "SHELL", instruction.argv))
    if isinstance(instruction, Entrypoint):
        key = layer_key(state.key, "ENTRYPOINT", instruction.argv)
        return replace(state, entrypoint=instruction.argv, cmd=(), key=key)
    if isinstance(instruction, Cmd):
        return replace(state, cmd=instruction.argv, key=layer_key(state.key, "CMD", instruction.argv))
    return state


def run_key(state: ImageState, step: Run, secret_names: tuple[str, ...]) -> str:
    """The key of a RUN step. Secrets count by the names of their variables, not by their values."""
    shell = () if step.argv is not None else state.shell
    return layer_key(state.key, "RUN", step.argv, shell, step.command, state.arguments, secret_names)


def copy_key(state: ImageState, step: Copy, content: str) -> str:
    """The key of a COPY step; `content` is a hash of what is copied."""
    sources, target = copy_paths(state, step)
    return layer_key(state.key, "COPY", sources, target, step.image, step.mode, content)


def copy_paths(state: ImageState, step: Copy) -> tuple[tuple[str, ...], str]:
    """A COPY's sources and its absolute destination, which keeps the `/` at its end that means a folder."""
    sources = tuple(expand(source, state.variables) for source in step.sources)
    target = expand(step.target, state.variables)
    is_folder = target.endswith(("/", "/.")) or target in (".", "./") or len(sources) > 1
    path = resolve(state, target)
    return sources, path if path == "/" or not is_folder else f"{path}/"


def resolve(state: ImageState, path: str) -> str:
    """The path as an absolute one, from the working folder. Raises InvalidError if it is empty."""
    if not path:
        raise InvalidError("A path of WORKDIR or COPY is empty, perhaps because a variable in it is not set.")
    # two leading slashes would mean something else to POSIX
    return "/" + posixpath.normpath(posixpath.join(state.workdir or "/", path)).lstrip("/")


def unused_build_args(build_args: Mapping[str, str], declared: Mapping[str, str]) -> list[str]:
    """Build arguments that no ARG of the definition declares: they have no effect."""
    return sorted(set(build_args) - set(declared))


def _set_env(state: ImageState, instruction: Env) -> ImageState:
    # all of one ENV's values see the variables as they were before it
    values = {name: expand(value, state.variables) for name, value in instruction.pairs}
    for name, value in values.items():
        if "\0" in value:
            raise InvalidError(
                f"The value of {name} in `{instruction.text}` holds a NUL, which no variable can."
            )
    env = {**state.env, **{name: Variable(value, instruction.text) for name, value in values.items()}}
    return replace(state, env=env, key=layer_key(state.key, "ENV", values))


def _declare(state: ImageState, instruction: Arg, build_args: Mapping[str, str]) -> ImageState:
    arguments = dict(state.arguments)
    for name, default in instruction.pairs:
        if name in build_args:
            arguments[name] = build_args[name]
        elif default is not None:
            arguments[name] = expand(default, {**arguments, **state.plain_env})
    return replace(state, arguments=arguments)
