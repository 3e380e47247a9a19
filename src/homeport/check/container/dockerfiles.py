"""What the instructions of a Dockerfile make of a container: from_dockerfile's, or dockerfile_commands."""

import posixpath
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from homeport.check.container import bases, installing
from homeport.check.container.ground import Ground
from homeport.check.container.ignoring import read_ignore
from homeport.check.container.patterns import Ignore
from homeport.check.container.placing import Piece
from homeport.check.facts import Step
from homeport.check.values import Unknown
from homeport.model.errors import HomeportError
from homeport.plan.dockerfile import parse
from homeport.plan.instructions import Add, Arg, Copy, Env, From, Instruction, Run, Workdir
from homeport.plan.words import expand

_HAS_WILDCARD = re.compile(r"[*?\[]")


class Dockerfile:
    """Follows the last stage, and those below it. The client ships what COPY names, from its context."""

    def __init__(self, ground: Ground, step: Step, path: Path | None = None) -> None:
        self._ground = ground
        self._step = step
        self._path = path
        given = step.options.get("context_dir")
        self._context = ground.folder / given if isinstance(given, str | PurePath) else ground.folder
        self._arguments: dict[str, str] = {}

    def follow(self, lines: Sequence[str]) -> None:
        try:
            instructions = parse([line for line in lines if isinstance(line, str)])
        except (HomeportError, ValueError) as error:
            self._ground.lose(f"the Dockerfile cannot be read: {error}", self._step.site)
            return
        stages: list[tuple[From, list[Instruction]]] = []
        for instruction in instructions:
            if isinstance(instruction, From):
                stages.append((instruction, []))
            elif stages:
                stages[-1][1].append(instruction)
            elif isinstance(instruction, Arg):
                self._declare(instruction)
        self._stage(len(stages) - 1, stages)

    def _stage(self, at: int, stages: list[tuple[From, list[Instruction]]]) -> None:
        begin, instructions = stages[at]
        name = self._expanded(begin.image)
        below = next((place for place in range(at) if stages[place][0].name == name.lower()), None)
        if below is not None:
            self._stage(below, stages)
        elif self._path is not None:
            bases.registry(self._ground, name, None, self._step.site)
        for instruction in instructions:
            try:
                self._follow(instruction)
            except HomeportError:
                self._ground.lose(f"`{instruction.text}` cannot be told", self._step.site)

    def _follow(self, instruction: Instruction) -> None:
        site = self._step.site
        if isinstance(instruction, Run):
            installing.run(instruction.command, self._step, self._ground)
        elif isinstance(instruction, Env):
            for name, value in [(name, self._expanded(value)) for name, value in instruction.pairs]:
                self._ground.put(name, value, "image", site)
        elif isinstance(instruction, Arg):
            self._declare(instruction)
        elif isinstance(instruction, Workdir):
            path = self._ground.path(self._expanded(instruction.path))
            self._ground.workdir = path or Unknown("the image's working folder is not known", site)
            if path:
                self._ground.files.make_folder(path, site, "workdir")
        elif isinstance(instruction, Copy):
            self._copy(instruction)

    def _declare(self, instruction: Arg) -> None:
        given = self._step.options.get("build_args")
        for name, default in instruction.pairs:
            value = given.get(name, default) if isinstance(given, dict) else default
            if isinstance(value, str):
                self._arguments[name] = self._expanded(value) if value == default else value

    def _expanded(self, text: str) -> str:
        environment = {
            name: value for name, (value, _, _) in self._ground.environment.items() if isinstance(value, str)
        }
        return expand(text, {**self._arguments, **environment})

    def _copy(self, copy: Copy) -> None:
        given = self._expanded(copy.target)
        target = self._ground.path(given)
        if target is None:
            self._ground.lose("the image's working folder is not known", self._step.site)
            return
        is_folder = (
            given.endswith(("/", "/.")) or given in (".", "./") or len(copy.sources) + len(copy.files) > 1
        )
        if copy.image is not None or isinstance(copy, Add) or copy.keeps_parents or copy.excludes:
            self._leave_open(copy, target)
            return
        for file in copy.files:
            self._ground.files.make_file(
                posixpath.join(target, file.name) if is_folder else target, self._step.site
            )
        for source in copy.sources:
            self._copy_source(self._expanded(source).lstrip("/"), target, is_folder)

    def _leave_open(self, copy: Copy, target: str) -> None:
        tools = target.startswith(("/.uv", "/usr/", "/bin/", "/usr/local/bin"))
        if not tools:
            self._ground.files.leave_open(target, Unknown(f"`{copy.text}` may copy it", self._step.site))
        if target == "/" or "site-packages" in target or target.startswith("/usr/local/lib"):
            self._ground.packages.install(Unknown(f"`{copy.text}` may copy it", self._step.site))

    def _copy_source(self, source: str, target: str, is_folder: bool) -> None:
        path = posixpath.normpath(source or ".")
        found = sorted(self._context.glob(path)) if _HAS_WILDCARD.search(path) else [self._context / path]
        is_folder = is_folder or (bool(_HAS_WILDCARD.search(path)) and len(found) > 1)
        for local in found:
            inside = posixpath.normpath(local.relative_to(self._context).as_posix())
            if local.is_dir():
                ignores = self._ignores("" if inside == "." else f"{inside}/")
                self._ground.files.add(Piece(target, local, self._step.site, "add_local", True, ignores))
            elif local.is_file():
                ignored = self._ignores("")
                if callable(ignored) and ignored(inside):
                    continue
                there = self._ground.files.at(target)
                into = is_folder or (
                    there is not None and not isinstance(there, Unknown) and there.kind == "folder"
                )
                place = posixpath.join(target, local.name) if into else target
                self._ground.files.add(Piece(place, local, self._step.site, "add_local"))

    def _ignores(self, above: str) -> Callable[[str], bool] | Unknown | None:
        """What .dockerignore leaves out, for paths below a folder of the context."""
        if "ignore" in self._step.options:
            ignores = read_ignore(self._step.options["ignore"], self._ground, self._step.site)
        else:
            ignores = self._dockerignore()
        if not callable(ignores) or not above:
            return ignores
        return lambda path: ignores(above + path)

    def _dockerignore(self) -> Ignore | Unknown | None:
        beside = [] if self._path is None else [
            self._path.with_name(f"{self._path.name}.dockerignore"), self._path.with_name(".dockerignore")
        ]  # fmt: skip
        for path in (*beside, self._context / ".dockerignore"):
            if path.is_file() and path.absolute().is_relative_to(self._context.absolute()):
                try:
                    return Ignore(path.read_text(encoding="utf-8").splitlines())
                except (OSError, ValueError):
                    return Unknown(f"{path} cannot be read")
        return None
