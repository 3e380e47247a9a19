"""What the preflight says of imports agrees with ty, a type checker, given the same files and search path.

Of each app's container the shipped files are laid out for real; each distinct `sys.path` that its code has at
some import becomes ty's roots, and each import from there a line of a file that ty reads.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.check.facts import Container, Facts, FoundModule, Import, Launcher, MissingModule
from homeport.check.preflight import Question, gather
from homeport.check.source import Sources
from tests.support.check import MODULES

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLES = REPOSITORY / "examples/adr030"
APPS = REPOSITORY / "benchmarks/check/apps"
TY = Path(sys.executable).with_name("ty")
UNRESOLVED = re.compile(r"imports\.py:(\d+):\d+: \w+\[(?:import-not-found|missing-module-member)\]")


@pytest.mark.parametrize(
    ("folder", "entry"),
    [
        *((REPOSITORY, f"examples/adr030/{name}.py") for name in ("broken", "option2", "option3")),
        (APPS / "module_child", "launch.py"),
        (APPS / "path_edits", "src/train.py"),
        (APPS / "package_source", "app.py"),
        (APPS / "guarded", "finetune_lora.py"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_ty_resolves_what_the_preflight_does(folder: Path, entry: str, tmp_path: Path) -> None:
    launcher = Launcher(folder, frozenset({"HOME", "PATH"}), "1.6.4", "3.11", MODULES)
    facts = gather(Question(folder / entry, launcher), Sources())
    compared = 0
    roots: dict[int, Path] = {}
    for number, (container, search_path, imports) in enumerate(groups(facts)):
        if id(container) not in roots:
            roots[id(container)] = lay_out(container, tmp_path / str(number))
        unresolved = unresolved_of_ty(roots[id(container)], search_path, [text for text, _ in imports])
        said = {text for text, is_there in imports if not is_there}
        assert said == unresolved, f"with sys.path {search_path}"
        compared += len(imports)
    assert compared > 2


def groups(facts: Facts) -> Iterator[tuple[Container, tuple[str, ...], list[tuple[str, bool]]]]:
    """By search path: the imports as lines, and whether they find what they want. Those of installed packages
    are left out.
    """
    found: dict[tuple[str, ...], tuple[Container, dict[str, bool]]] = {}
    for name, events in facts.events.items():
        container = facts.containers.get(name)
        for event in events if container is not None else ():
            if not isinstance(event, Import) or not isinstance(event.name, str) or event.name[:1] == ".":
                continue
            is_known = isinstance(event.resolution, MissingModule) or (
                isinstance(event.resolution, FoundModule) and event.resolution.kind != "distribution"
            )
            if not is_known or event.guards & {"type_checking", "local"}:
                continue
            is_there = isinstance(event.resolution, FoundModule) and event.has_member is not False
            line = f"from {event.name} import {event.member}" if event.member else f"import {event.name}"
            assert container is not None
            found.setdefault(event.search_path, (container, {}))[1][line] = is_there
    for search_path, (container, lines) in found.items():
        yield container, search_path, list(lines.items())


def lay_out(container: Container, root: Path) -> Path:
    """The user's files where the container has them, below `root`."""
    root.mkdir()
    for placed in container.below("/"):
        target = root / str(placed.path).lstrip("/")
        if placed.kind == "file" and placed.source is not None and placed.source.suffix == ".py":
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(placed.source, target)
    return root


def unresolved_of_ty(root: Path, search_path: tuple[str, ...], lines: list[str]) -> set[str]:
    """The lines of which ty says that their import resolves to nothing."""
    asked = Path(tempfile.mkdtemp(prefix="asked-", dir=root.parent))
    (asked / "imports.py").write_text("".join(f"{line}\n" for line in lines))
    roots = [path for path in (root / entry.lstrip("/") for entry in search_path) if path.is_dir()]
    quoted = ", ".join(f'"{path}"' for path in roots or [asked])
    (asked / "ty.toml").write_text(f"[environment]\nroot = [{quoted}]\n")
    done = subprocess.run(
        [TY, "check", "--output-format", "concise", "--no-progress", "imports.py"],
        cwd=asked,
        capture_output=True,
        text=True,
        env={"HOME": str(root), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    places = UNRESOLVED.findall(done.stdout)
    return {lines[int(place) - 1] for place in places}
