"""The stages of a definition: which there are, which of them the last one needs, and what each begins from.

Pure. What an image's name stands for is left to control/image_bases.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from homeport.model.errors import InvalidError, NotServedError
from homeport.plan.instructions import Arg, Copy, From, Instruction, Run
from homeport.plan.words import expand


@dataclass(frozen=True)
class Stage:
    """One FROM and what follows it. `image` is its name, expanded; `parent` the number of the stage that it
    names. `sources` says what each COPY --from and mount of the stage takes from: a stage's number, or an
    image's name."""

    number: int
    begin: From
    image: str
    parent: int | None
    instructions: tuple[Instruction, ...]
    sources: Mapping[str, int | str] = field(default_factory=dict)

    @property
    def needs(self) -> set[int]:
        parents = set() if self.parent is None else {self.parent}
        return parents | {source for source in self.sources.values() if isinstance(source, int)}


@dataclass(frozen=True)
class StagePlan:
    """`wanted`: the stages that the last one needs, and it, in order. `arguments`: what ARGs before the first
    FROM are worth, which a stage gets by an ARG of that name."""

    wanted: tuple[Stage, ...]
    arguments: Mapping[str, str]
    declared: frozenset[str]  # names of all ARGs, also of stages that nobody needs

    @property
    def left_out(self) -> bool:
        return len(self.wanted) < self.wanted[-1].number + 1


def plan_stages(
    instructions: Sequence[Instruction], build_args: Mapping[str, str], architecture: str
) -> StagePlan:
    """Raises InvalidError for a stage that takes from itself or a later one, NotServedError for a platform
    that is not this machine's."""
    known = platform_arguments(architecture)
    arguments = {**known}
    stages: list[Stage] = []
    names = {entry.name for entry in instructions if isinstance(entry, From) and entry.name}
    for begin, body in _split(instructions):
        if begin is None:
            arguments.update(_global_arguments(body, build_args, known))
        else:
            stages.append(_stage(len(stages), begin, body, stages, names, arguments))
    wanted = _wanted(stages)
    declared = {name for entry in instructions if isinstance(entry, Arg) for name, _ in entry.pairs}
    return StagePlan(
        tuple(stage for stage in stages if stage.number in wanted), arguments, frozenset(declared)
    )


def platform_arguments(architecture: str) -> dict[str, str]:
    """What Docker's builder says of the platform; `architecture` as it names it, such as amd64."""
    values = {}
    for prefix in ("BUILD", "TARGET"):
        values[f"{prefix}PLATFORM"] = f"linux/{architecture}"
        values[f"{prefix}OS"] = "linux"
        values[f"{prefix}ARCH"] = architecture
        values[f"{prefix}VARIANT"] = ""
    return values


def _split(instructions: Sequence[Instruction]) -> Iterator[tuple[From | None, tuple[Instruction, ...]]]:
    begin: From | None = None
    body: list[Instruction] = []
    for entry in instructions:
        if isinstance(entry, From):
            yield begin, tuple(body)
            begin, body = entry, []
        else:
            body.append(entry)
    yield begin, tuple(body)


def _global_arguments(
    body: Sequence[Instruction], build_args: Mapping[str, str], known: Mapping[str, str]
) -> dict[str, str]:
    values: dict[str, str] = {}
    for entry in body:
        assert isinstance(entry, Arg), "the reader lets only ARG come before FROM"
        for name, default in entry.pairs:
            if name in build_args:
                values[name] = build_args[name]
            elif default is not None:
                values[name] = expand(default, {**known, **values})
    return values


def _stage(
    number: int,
    begin: From,
    body: tuple[Instruction, ...],
    before: Sequence[Stage],
    names: set[str],
    arguments: Mapping[str, str],
) -> Stage:
    image = expand(begin.image, arguments)
    if not image:
        raise InvalidError(
            f"Line {begin.number}: `{begin.text}` names no image: a variable in it is not set. Give it by "
            "build_args, or with a default in an ARG before FROM."
        )
    _check_platform(begin, arguments)
    known = {stage.begin.name: stage.number for stage in before if stage.begin.name}
    if image.lower() in names - set(known) - {begin.name}:
        raise _later(begin, image)
    sources: dict[str, int | str] = {}
    for entry in body:
        for name in _taken_from(entry):
            sources[name] = _source(entry, name, known, names, number)
    return Stage(number, begin, image, known.get(image.lower()), body, sources)


def _taken_from(entry: Instruction) -> list[str]:
    if isinstance(entry, Copy) and entry.image is not None:
        return [entry.image]
    if isinstance(entry, Run):
        return [mount.image for mount in entry.mounts if mount.image is not None]
    return []


def _source(
    entry: Instruction, name: str, known: Mapping[str, int], names: set[str], number: int
) -> int | str:
    if name.lower() in known:
        return known[name.lower()]
    if name.lower() in names:
        raise _later(entry, name)
    if name.isdecimal():
        if int(name) >= number:
            raise InvalidError(
                f"Line {entry.number}: there is no stage {name} before `{entry.text}`, which takes from it."
            )
        return int(name)
    return name


def _later(entry: Instruction, name: str) -> InvalidError:
    return InvalidError(
        f"Line {entry.number}: `{entry.text}` takes from the stage {name!r}, which does not come before it. "
        "Stages can only use those that are above them; move it up."
    )


def _check_platform(begin: From, arguments: Mapping[str, str]) -> None:
    if begin.platform is None:
        return
    asked = expand(begin.platform, arguments)
    if asked not in (arguments["BUILDPLATFORM"], f"linux/{arguments['BUILDARCH']}/v8"):
        raise NotServedError(
            f"Line {begin.number}: Homeport builds for this machine, {arguments['BUILDPLATFORM']}, and not "
            f"for {asked}. Remove --platform from `{begin.text}`."
        )


def _wanted(stages: Sequence[Stage]) -> set[int]:
    wanted: set[int] = set()
    waiting = {len(stages) - 1}
    while waiting:
        number = waiting.pop()
        wanted.add(number)
        waiting |= stages[number].needs - wanted
    return wanted
