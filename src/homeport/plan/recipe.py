"""What instructions make of an image's configuration: environment, working directory, shell, key.

Pure: each function takes a state and gives the next. Steps that write files (RUN, COPY, WORKDIR) get their
key here and their layer in image_builder.py.
"""

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from homeport.model.errors import InvalidError
from homeport.plan.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    InlineFile,
    Instruction,
    Run,
    Shell,
    User,
    Workdir,
)
from homeport.plan.layer_key import layer_key
from homeport.plan.words import expand, expand_text

DEFAULT_SHELL = ("/bin/sh", "-c")
ROOT = ("", "root", "0", "root:root", "0:0", "root:0", "0:root")


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
    user: str = ""  # who runs RUN steps, as USER says; a function's container runs as root whatever it is
    arguments: Mapping[str, str] = field(default_factory=dict)  # ARGs of this definition so far

    @property
    def variables(self) -> dict[str, str]:
        """What $NAME means in an instruction: ENV wins over ARG."""
        return {**self.arguments, **self.plain_env}

    @property
    def plain_env(self) -> dict[str, str]:
        return {name: variable.value for name, variable in self.env.items()}


def advance(
    state: ImageState,
    instruction: Instruction,
    build_args: Mapping[str, str],
    outer: Mapping[str, str] | None = None,
) -> ImageState:
    """The state after an instruction; for RUN and COPY, which need `step_key`, unchanged. `outer`: what ARGs
    before the first FROM are worth."""
    if isinstance(instruction, Env):
        return _set_env(state, instruction)
    if isinstance(instruction, Arg):
        return _declare(state, instruction, build_args, outer or {})
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
    if isinstance(instruction, User):
        user = expand(instruction.user, state.variables)
        if user == state.user or (user in ROOT and state.user in ROOT):
            return state
        return replace(state, user=user, key=layer_key(state.key, "USER", user))
    return state


def run_key(
    state: ImageState, step: Run, secret_names: tuple[str, ...], sources: tuple[str, ...] = ()
) -> str:
    """The key of a RUN step. Secrets count by the names of their variables, not by their values; `sources`
    are the keys of what its mounts show, and what else decides its result."""
    shell = () if step.argv is not None else state.shell
    parts = (step.argv, shell, step.command, state.arguments, secret_names)
    # mounts count only where there are some, so that what was built before them is found again
    mounts = tuple(repr(mount) for mount in step.mounts)
    return layer_key(state.key, "RUN", *parts, *((mounts, sources) if mounts or sources else ()))


def copy_key(state: ImageState, step: Copy, content: str) -> str:
    """The key of a COPY or ADD step; `content` is a hash of what is copied."""
    sources, target = copy_paths(state, step)
    more: tuple[str, ...] = ()
    if step.owner is not None or step.excludes or step.keeps_parents or step.files or isinstance(step, Add):
        more = (type(step).__name__, step.owner or "", *step.excludes, str(step.keeps_parents))
        more = (*more, *(text for file in step.files for text in (file.name, inline_text(state, file))))
    return layer_key(state.key, "COPY", sources, target, step.image, step.mode, content, *more)


def inline_text(state: ImageState, file: InlineFile) -> str:
    """A here-document's text, its variables replaced unless it was quoted."""
    return expand_text(file.content, state.variables) if file.is_expanded else file.content


def copy_paths(state: ImageState, step: Copy) -> tuple[tuple[str, ...], str]:
    """A COPY's sources and its absolute destination, which keeps the `/` at its end that means a folder."""
    sources = tuple(expand(source, state.variables) for source in step.sources)
    target = expand(step.target, state.variables)
    is_folder = target.endswith(("/", "/.")) or target in (".", "./") or len(sources) + len(step.files) > 1
    path = resolve(state, target)
    return sources, path if path == "/" or not is_folder else f"{path}/"


def resolve(state: ImageState, path: str) -> str:
    """The path as an absolute one, from the working folder. Raises InvalidError if it is empty."""
    if not path:
        raise InvalidError("A path of WORKDIR or COPY is empty, perhaps because a variable in it is not set.")
    # two leading slashes would mean something else to POSIX
    return "/" + posixpath.normpath(posixpath.join(state.workdir or "/", path)).lstrip("/")


def unused_build_args(build_args: Mapping[str, str], declared: Collection[str]) -> list[str]:
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


def _declare(
    state: ImageState, instruction: Arg, build_args: Mapping[str, str], outer: Mapping[str, str]
) -> ImageState:
    arguments = dict(state.arguments)
    for name, default in instruction.pairs:
        if name in build_args:
            arguments[name] = build_args[name]
        elif default is not None:
            arguments[name] = expand(default, {**arguments, **state.plain_env})
        elif name in outer:
            arguments[name] = outer[name]
    return replace(state, arguments=arguments)
