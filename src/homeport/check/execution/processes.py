"""Child processes: the Python script or module that a command runs is followed."""

import ast
import posixpath
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

from homeport.check.execution.commands import Script, may_fetch, scripts_of
from homeport.check.execution.core import Core, Process
from homeport.check.execution.objects import ModuleState
from homeport.check.facts import FoundModule, Placed
from homeport.check.values import Unknown, Value

MAX_PROCESSES = 6  # one in another


class Processes(Core):
    def run_command(self, words: Value, options: Mapping[str, Value], node: ast.Call, name: str) -> None:
        if self.depth >= MAX_PROCESSES:
            return
        for script in scripts_of(words, options, self.place.folder, name):
            self.run_script(script, options.get("env"), node)
        fetches = may_fetch(words, options, name)
        self.place = replace(self.place, is_disk_open=True, may_find_more=self.place.may_find_more or fetches)

    def run_script(self, script: Script, environment: Value, node: ast.Call) -> None:
        """Follows a script as a process of its own: its sys.path begins with its folder, modules are new."""
        process, place, frame = self.process, self.place, self.frame
        folder = script.folder if script.folder else Unknown("the command's working folder is not known")
        self.place = replace(place, folder=folder, search_path=(), maybe=(), is_path_open=False)
        self.process = Process(argv=(script.path, *script.args))
        self.depth += 1
        try:
            base = self.python_path(environment)
            if script.is_module:
                self.place = replace(self.place, search_path=("", *base))
                self.run_as_main(script.path, node)
            else:
                self.run_file(script.path, node, base=base, main="__main__")
        finally:
            made = self.place.made | place.made
            self.process, self.frame, self.depth = process, frame, self.depth - 1
            self.place = replace(place, made=made)
            self.pending = ""

    def python_path(self, environment: Value) -> tuple[str, ...]:
        """What PYTHONPATH puts on a child's sys.path: the container's, unless the child's is given whole."""
        if isinstance(environment, dict):
            value = environment.get("PYTHONPATH", "")
        elif "PYTHONPATH" in self.place.environment:
            value = self.place.environment["PYTHONPATH"]
        else:
            known = self.container.environment.get("PYTHONPATH")
            value = known[0] if known else None
        if value is None:
            return self.container.search_path
        if isinstance(value, str):
            return tuple(entry for entry in value.split(":") if entry)
        self.place = replace(self.place, is_path_open=True)
        return self.container.search_path

    def run_file(
        self, path: str, node: ast.Call, *, base: tuple[str, ...] | None = None, main: str = "__main__"
    ) -> None:
        """Runs a shipped script."""
        found = self.absolute(path)
        placed = self.container.at(found) if found else None
        if not found or not isinstance(placed, Placed) or placed.source is None or placed.kind != "file":
            return
        if base is not None:
            self.place = replace(self.place, search_path=(posixpath.dirname(found), *base))
        module = self.sources.read(placed.source, PurePath(found).stem)
        state = ModuleState(main, module, found, is_package=False, is_open=bool(module.error))
        if main == "__main__":
            self.process.modules["__main__"] = state
        self.run_module(state, node, self.is_certain, main)

    def run_as_main(self, name: str, node: ast.Call) -> None:
        """`python -m name`: its packages are imported, then it runs as `__main__`."""
        resolution, chain = self.resolve_all(name)
        self.note_import(name, node, resolution)
        if not isinstance(resolution, FoundModule):
            return
        self.load_all(chain[:-1], node)
        found = chain[-1][1] if chain[-1][0] == name else None
        if found and found.source and found.source.name == "__init__.py":
            self.load_all(chain[-1:], node)
            name = f"{name}.__main__"
            inner = self.resolve(name)
            self.note_import(name, node, inner)
            found = inner if isinstance(inner, FoundModule) else None
        if found is None or found.kind != "shipped" or found.source is None:
            return
        state = self.new_state(name, found)
        state.is_package = False
        if state.module:
            self.run_module(state, node, self.is_certain, "__main__")
