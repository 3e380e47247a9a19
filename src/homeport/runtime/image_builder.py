"""Runs an image's steps: a RUN or COPY in a container over the layers before it becomes the next layer.

Build steps see this machine's package configuration and a package cache that lasts, both outside the layer.
What the steps are, their keys and what is already there is control/image_recipes.py's matter.
"""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

from homeport.model.errors import NotServedError
from homeport.model.home import Home
from homeport.plan.machine_steps import is_clear, machine_script
from homeport.plan.pip_steps import PipInstall, Tools, shell_script, translate_pip
from homeport.plan.recipe import DEFAULT_SHELL
from homeport.runtime import isolation
from homeport.runtime.apt import AptCache, find_setup, lent, release_of
from homeport.runtime.commands import NO_ROOT, Bind, CommandSpec, OnMachine, remove_tree
from homeport.runtime.host import run_step
from homeport.runtime.kept_files import forget_machine
from homeport.runtime.layers import LayerStore
from homeport.runtime.package_caches import PLACE, PackageCaches
from homeport.runtime.package_sources import (
    PackageSources,
    certificates_elsewhere,
    is_open,
    read_package_sources,
)
from homeport.runtime.step_mounts import StepMounts
from homeport.runtime.step_output import Output, StepFailedError, StepOutput
from homeport.runtime.uv import run_uv, uv_binary

_MACHINE = "/run/homeport"  # where a step finds what is bound in; /run is no part of an image
_UV = f"{_MACHINE}/uv"
_CERTIFICATES = f"{_MACHINE}/certificates"
_QUIET = {
    "UV_NO_PROGRESS": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}


@dataclass(frozen=True)
class Step:
    """A command to run for a layer: in `layers` (topmost first), with the image's `env`."""

    key: str
    layers: tuple[Path, ...]
    argv: tuple[str, ...]
    env: Mapping[str, str]
    host_usr: bool
    workdir: str = "/"
    binds: tuple[Bind, ...] = field(default=())
    mounts: StepMounts = field(default=StepMounts())
    scratch: str | None = None  # for hard links into the packages' cache
    on_machine: OnMachine | None = None


class ImageBuilder:
    """Makes layers in one home. Steps of one key that are asked for at once are run once."""

    def __init__(self, home: Home, store: LayerStore) -> None:
        self._home = home
        self._store = store
        self._packages = PackageCaches(home)

    async def run(
        self,
        *,
        key: str,
        layers: tuple[Path, ...],
        command: str,
        argv: tuple[str, ...] | None,
        shell: tuple[str, ...],
        env: Mapping[str, str],
        secrets: Mapping[str, str],
        workdir: str,
        log: Output,
        host_usr: bool,
        mounts: StepMounts,
    ) -> Path:
        """The layer of a RUN. Raises StepFailedError."""
        sources = read_package_sources()
        words = argv if argv is not None else (*shell, command)
        installs = translate_pip(command) if argv is None and shell == DEFAULT_SHELL else None
        if any(name.startswith("PIP_") for name in (*env, *secrets)):
            installs = None  # the image or a Secret tells pip what uv would not hear
        scratch = self._packages.new_scratch() if installs is not None else None
        if installs is not None:
            linker = ("-c", _installer(), "link", f"{PLACE}/{scratch}", f"{PLACE}/bytecode")
            tools = replace(_tools(sources, _UV, PLACE), linker=linker if scratch else ())
            words = (*DEFAULT_SHELL, shell_script(installs, command, tools))
            log("(installed by uv, with this machine's package cache)\n")
        machine, files = (sources.env, {}) if host_usr else certificates_elsewhere(sources.env, _CERTIFICATES)
        certificates = (Bind(path, place) for path, place in files.items() if is_open(path))
        binds = (self._packages.bind(), *self._sources(sources), *certificates)
        # what the image or a Secret says wins over what this machine says
        complete = {
            "HOME": "/root",
            **self._packages.variables(),
            **_QUIET,
            **machine,
            **env,
            **secrets,
            **mounts.variables,
        }
        on_machine = None
        if isolation.chosen() == isolation.PROCESS:
            if installs is None or not is_clear(installs) or mounts.targets or mounts.variables:
                raise NotServedError(f"`RUN {command}` {NO_ROOT}")
            on_machine = partial(_on_machine, installs, sources)
        step = Step(key, layers, words, complete, host_usr, workdir, binds, mounts, scratch, on_machine)
        apt = None if host_usr else await self._apt(layers)
        async with mounts.held():
            return await self._make(step, log, apt)

    async def uv_folder(self, version: str | None, log: Output) -> Path:
        """A folder with uv and uvx, part of a layer: Homeport's own, or that version of PyPI's."""

        async def copy(tree: Path) -> dict[str, Any]:
            (tree / "bin").mkdir()
            for name in ("uv", "uvx"):
                await asyncio.to_thread(shutil.copy, uv_binary().with_name(name), tree / "bin" / name)
            return {"kind": "uv", "version": own_version}

        async def fetch(tree: Path) -> dict[str, Any]:
            log(f"Fetching uv {version} …\n")
            arguments = ("pip", "install", "--target", str(tree), "--no-deps", "--only-binary", ":all:")
            await run_uv(self._home, *arguments, f"uv=={version}")
            return {"kind": "uv", "version": version}

        own_version = metadata.version("uv")
        if version is None:
            return await self._store.make(f"own uv {own_version}", copy) / "bin"
        return await self._store.make(f"uv {version}", fetch) / "bin"

    async def ask(
        self, layers: tuple[Path, ...], argv: tuple[str, ...], *, env: Mapping[str, str], host_usr: bool
    ) -> str:
        """A command's output in a container over the layers; what it writes is dropped. Empty if it fails."""
        scratch = self._store.scratch()
        output: list[bytes] = []
        try:
            spec = CommandSpec(
                argv,
                layers,
                scratch / "tree",
                env,
                host_usr=host_usr,
                on_machine=lambda place: (place(argv[0]), *argv[1:]),
            )
            status = await run_step(spec, output.append)
        finally:
            await asyncio.to_thread(remove_tree, scratch)
        return b"".join(output).decode("utf-8", "replace") if status == 0 else ""

    async def _make(self, step: Step, log: Output, apt: AptCache | None) -> Path:
        async def fill(tree: Path) -> dict[str, Any]:
            output = StepOutput(log)
            remarks: set[str] = set()
            async with lent(apt, tree.parent / "apt") as packages:
                binds = (*step.binds, *packages)
                spec = CommandSpec(
                    step.argv,
                    step.layers,
                    tree,
                    step.env,
                    step.workdir,
                    step.host_usr,
                    (*binds, *step.mounts.binds),
                    views=step.mounts.views,
                    texts=step.mounts.texts,
                    memory_folders=step.mounts.memory_folders,
                    becomes=self._store.path(step.key),
                    on_machine=step.on_machine,
                )
                with self._packages.scratch(step.scratch, tree):
                    status = await run_step(spec, output.add, remarks)
                    output.end()
                    if status != 0:
                        raise StepFailedError(status, output.last_lines)
                    forget_machine(tree, [*(bind.target for bind in binds), *step.mounts.targets])
            return {"kind": "step", "remarks": sorted(remarks)}

        return await self._store.make(step.key, fill)

    async def _apt(self, layers: tuple[Path, ...]) -> AptCache | None:
        """This machine's sources of packages for an image with a /usr of its own; None where they have none
        for the image's release."""
        release = await asyncio.to_thread(release_of, layers)
        setup = release and await find_setup(release)
        return AptCache(self._home, setup) if setup else None

    def _sources(self, sources: PackageSources) -> tuple[Bind, ...]:
        binds = [Bind(uv_binary(), _UV)]
        binds.extend(Bind(path, str(path)) for path in sources.paths if is_open(path))
        if sources.uv_config is not None and is_open(sources.uv_config):
            binds.append(Bind(sources.uv_config, "/etc/uv/uv.toml"))
        return tuple(binds)


def _tools(sources: PackageSources, uv: str, packages: str) -> Tools:
    return Tools(
        uv,
        sources.env.get("UV_FIND_LINKS", "").replace(",", " ").split(),
        sources.env.get("UV_INDEX", "").split(),
        ("-c", _installer(), "bytecode", f"{packages}/bytecode"),
    )


def _on_machine(
    installs: PipInstall, sources: PackageSources, place: Callable[[str], str]
) -> tuple[str, ...]:
    tools = _tools(sources, place(_UV), place(PLACE))
    return (*DEFAULT_SHELL, machine_script(installs, tools, place))


@cache
def _installer() -> str:
    """The program that installs and compiles on the image's Python, itself: a step may not be able to read
    this installation."""
    return (Path(__file__).parent / "inside/packages.py").read_text(encoding="utf-8")
