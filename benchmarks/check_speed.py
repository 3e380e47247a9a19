"""`homeport check --static` of 50 files: 100 ms in a process that has it loaded, 300 ms as a command.

The files are copies of the pipelines' own modules in a package, so that they are as long and as tangled as
people's are; a function imports each of them. References, taken in turns: `ast.parse` of the same files,
which nothing in Python can do without, and an interpreter that does nothing. What the check adds to
`homeport run` is measured on an app of one function, beside what importing the client takes; what an app that
imports torch takes to be checked again, beside loading it.
"""

import ast
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.support.bench import REPOSITORY, Bench
from benchmarks.support.figures import Figure, median, quartiles

FILES = 50
INSIDE_BAR_S = 0.1
COMMAND_BAR_S = 0.3
RUN_BAR_S = 0.15
KEPT_BAR_S = 1.0
LOADS = 3  # seconds each

_TORCH = """\
import torch
import modal

app = modal.App("torch")
image = modal.Image.debian_slim().pip_install(f"torch=={torch.__version__.partition('+')[0]}")


@app.function(image=image)
def train() -> float:
    return float(torch.ones(3).sum())
"""

_HELLO = """\
import modal

app = modal.App("hello")


@app.function()
def hello() -> str:
    return "hello"
"""
_WITHOUT = "import homeport.cli.root, homeport.cli.run"
_WITH = f"{_WITHOUT}; from homeport.cli.check_run import will_fail; assert not will_fail(['hello.py'])"

_APP = """\
import modal

app = modal.App("fifty")
image = modal.Image.debian_slim().pip_install("torch", "numpy", "pyyaml").add_local_python_source("pkg")


@app.function(image=image, timeout=3600, volumes={{"/data": modal.Volume.from_name("data")}})
def train(config_path: str = "configs/smoke_test.yaml") -> None:
{imports}


@app.local_entrypoint()
def main() -> None:
    train.remote()
"""


def run(bench: Bench) -> list[Figure]:
    project = made_project(bench.scratch / "fifty")
    (project / "hello.py").write_text(_HELLO)
    inside, parsing, command, bare, added, client = [], [], [], [], [], []
    with _in(project):
        for _ in range(bench.runs):
            parsing.append(_parse_s(project))
            inside.append(_inside_s(project))
            bare.append(_process_s(bench, project, "-c", "pass"))
            command.append(_process_s(bench, project, "-m", "homeport", "check", "--static", "app.py"))
            without = _process_s(bench, project, "-c", _WITHOUT)
            added.append(_process_s(bench, project, "-c", _WITH) - without)
            client.append(_process_s(bench, project, "-c", "import modal"))
    return [
        _figure(
            f"check of {FILES} files, inside", INSIDE_BAR_S, inside, "ast.parse of the same files", parsing
        ),
        _figure(
            f"homeport check --static, {FILES} files",
            COMMAND_BAR_S,
            command,
            "python that does nothing",
            bare,
        ),
        _figure("what the check adds to homeport run", RUN_BAR_S, added, "importing the client", client),
        _kept(bench),
    ]


def _kept(bench: Bench) -> Figure:
    """The check of an app that imports torch, after the first one."""
    project = bench.scratch / "torch"
    project.mkdir()
    (project / "app.py").write_text(_TORCH)
    check = ("-m", "homeport", "check")
    home = str(bench.scratch / "checks")
    fresh = [_process_s(bench, project, *check, "--fresh", "app.py", home=home) for _ in range(LOADS)]
    kept = [_process_s(bench, project, *check, "app.py", home=home) for _ in range(bench.runs)]
    return _figure("homeport check again, an app that imports torch", KEPT_BAR_S, kept, "loading it", fresh)


def _figure(
    name: str, bar_s: float, measured_s: list[float], reference: str, reference_s: list[float]
) -> Figure:
    return Figure(
        name,
        f"{bar_s * 1000:g} ms",
        median(measured_s) * 1000,
        "ms",
        len(measured_s),
        passed=median(measured_s) <= bar_s,
        reference=reference,
        reference_value=median(reference_s) * 1000,
        ratio=median(measured_s) / median(reference_s),
        spread=tuple(value * 1000 for value in quartiles(measured_s)),
    )


def made_project(root: Path) -> Path:
    """A project with an entry file and FILES - 1 modules in a package, all of which a function imports."""
    shutil.rmtree(root, ignore_errors=True)
    sources = sorted((REPOSITORY / "src" / "seizure").rglob("*.py"))
    sources = [path for path in sources if path.stat().st_size > 500][: FILES - 2]
    assert len(sources) == FILES - 2
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "__init__.py").write_text("")
    imports = []
    for number, path in enumerate(sources):
        (root / "pkg" / f"m{number}.py").write_text(path.read_text())
        imports.append(f"    import pkg.m{number}")
    (root / "app.py").write_text(_APP.format(imports="\n".join(imports)))
    return root


@contextlib.contextmanager
def _in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _parse_s(project: Path) -> float:
    started = time.perf_counter()
    for path in project.rglob("*.py"):
        ast.parse(path.read_bytes())
    return time.perf_counter() - started


def _inside_s(project: Path) -> float:
    from homeport.check.gathering import Question
    from homeport.check.launcher import this_launcher
    from homeport.check.preflight import preflight

    started = time.perf_counter()
    launcher = this_launcher(project, os.environ, Path(sys.executable))
    preflight([Question(project / "app.py", launcher)])
    return time.perf_counter() - started


def _process_s(bench: Bench, project: Path, *arguments: str, home: str = "") -> float:
    started = time.perf_counter()
    process = bench.start(
        [sys.executable, *arguments],
        cwd=project,
        env={"HOMEPORT_HOME": home} if home else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if process.wait() not in (0, 1):
        raise RuntimeError(f"{arguments} ended with {process.returncode}")
    return time.perf_counter() - started
