"""`python -m benchmarks.check.oracle [APPS…]`: what modules are found, held to ty, given the same roots.

Of each import that the preflight follows, ty is asked the same: with the container's files as they will be,
its search path at that moment, and the libraries that the image installs. Needs ty, which nothing else here
does: `uv tool install ty`, or --ty FILE.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.check.apps import App, by_name
from benchmarks.check.measure import Measurement, facts_of, measurement
from benchmarks.check.plant import Plant, plants
from benchmarks.check.plant.project import LIBRARIES
from benchmarks.check.prove import PLACEMENT
from homeport.check.facts import Container, Facts, FoundModule, Import, MissingModule

NOT_HERE = frozenset({"local", "type_checking"})


@dataclass(frozen=True)
class Asked:
    """An import, what the preflight says of it, and whether ty finds it."""

    where: str
    name: str
    is_found: bool
    by_ty: bool


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check.oracle", description=__doc__)
    parser.add_argument("apps", nargs="*", metavar="APPS", help="of benchmarks/check/apps.py; default: all")
    parser.add_argument("--ty", default=shutil.which("ty"), metavar="FILE", help="ty's program")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what came of it as JSON")
    arguments = parser.parse_args()
    if not arguments.ty:
        raise SystemExit("ty is not installed: uv tool install ty, or name it by --ty")
    count: Counter[str] = Counter()
    differing: list[str] = []
    with tempfile.TemporaryDirectory(prefix="hpc-") as made, measurement() as each:
        python = _empty_python(Path(made))
        for app in by_name(arguments.apps):
            for what, facts in _facts(app, each):
                for asked in _asked(facts, Path(made) / "roots", arguments.ty, python):
                    agrees = asked.is_found == asked.by_ty
                    said = "found" if asked.is_found else "missing"
                    count[f"said to be {said}, ty {'agrees' if agrees else 'differs'}"] += 1
                    if not agrees:
                        differing.append(
                            f"{app.name}, {what}: {asked.where}: {asked.name} is said to be {said}"
                        )
    figures = dict(sorted(count.items()))
    print("\n".join([*differing, json.dumps(figures)]))
    if arguments.json:
        arguments.json.write_text(json.dumps({"imports": figures, "differing": differing}, indent=1) + "\n")
    return 1 if differing else 0


def _facts(app: App, each: Measurement) -> Iterator[tuple[str, Facts]]:
    """Of the app as it is, and with each fault of placement; its files are there until the next one."""
    chosen: list[Plant | None] = [None]
    chosen += [
        plant
        for _, plant in plants([app], most=1)
        if any(word in plant.fault for word in PLACEMENT) and plant.arguments is None
    ]
    for plant in chosen:
        with each.changed(app, plant.changes if plant else {}) as folder:
            yield plant.what if plant else "as it is", facts_of(app, folder)


def _asked(facts: Facts, roots: Path, ty: str, python: Path) -> list[Asked]:
    found = []
    for function, container in facts.containers.items():
        events = facts.events.get(function, ())
        groups: dict[tuple[str, ...], dict[str, Import]] = defaultdict(dict)
        for event in events:
            if isinstance(event, Import) and isinstance(event.name, str) and _is_asked(event):
                groups[event.search_path].setdefault(event.name, event)
        if groups:
            shutil.rmtree(roots, ignore_errors=True)
            _lay_out(container, roots)
        for search_path, imports in groups.items():
            by_ty = _found_by_ty(list(imports), search_path, roots, ty, python)
            for name, event in imports.items():
                is_found = isinstance(event.resolution, FoundModule)
                where = f"{event.module.path.name}:{event.site.line}"
                found.append(Asked(where, name, is_found, by_ty[name]))
    return found


def _is_asked(event: Import) -> bool:
    """The app's own modules, those that are missing, and libraries that both know."""
    if event.guards & NOT_HERE:
        return False
    if isinstance(event.resolution, MissingModule):
        return True
    if not isinstance(event.resolution, FoundModule):
        return False
    top = str(event.name).partition(".")[0]
    return event.resolution.kind == "shipped" or top in LIBRARIES.values()


def _lay_out(container: Container, roots: Path) -> None:
    """The user's files of a container, and the libraries that its image installs."""
    for placed in container.below("/"):
        if placed.kind == "file" and placed.source is not None and placed.source.exists():
            target = roots / "files" / str(placed.path).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(placed.source, target)
    site = roots / "libraries"
    site.mkdir(parents=True)
    packages = next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
    for distribution, module in LIBRARIES.items():
        if container.is_installed(distribution) is True:
            if (packages / module).exists():
                (site / module).symlink_to(packages / module)
            else:
                (site / f"{module}.py").touch()


def _found_by_ty(
    names: list[str], search_path: tuple[str, ...], roots: Path, ty: str, python: Path
) -> dict[str, bool]:
    asking = roots / "asking"
    shutil.rmtree(asking, ignore_errors=True)
    asking.mkdir(parents=True)
    (asking / "ask.py").write_text("".join(f"import {name}\n" for name in names))
    folders = [roots / "files" / entry.lstrip("/") for entry in search_path]
    options = [
        word
        for folder in [*folders, roots / "libraries"]
        if folder.is_dir()
        for word in ("--extra-search-path", str(folder))
    ]
    command = [
        ty,
        "check",
        "--project",
        str(asking),
        "--python",
        str(python),
        "--output-format",
        "concise",
        *options,
        str(asking / "ask.py"),
    ]
    said = subprocess.run(command, capture_output=True, text=True, cwd=asking).stdout
    unresolved = (
        r"ask\.py:(\d+):\d+: error\[(?:unresolved-import|import-not-found)\]"  # its name in two versions
    )
    lines = {int(line) for line in re.findall(unresolved, said)}
    return {name: number not in lines for number, name in enumerate(names, 1)}


def _empty_python(scratch: Path) -> Path:
    """A virtual environment without packages."""
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(scratch / "empty")], check=True)
    return scratch / "empty"


if __name__ == "__main__":
    sys.exit(main())
