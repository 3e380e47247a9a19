"""`python -m benchmarks.check.prove [APPS…]`: holds what is said of planted apps to what really happens.

Errors: planted apps that get a new finding of severity "error" are run on an engine, by a launcher that has
installed modal and nothing else; every one has to fail. Modules (--probe): each app, as it is and with faults
of placement, is probed (homeport check --probe); what is said to be missing, or there, has to be so.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.check.apps import App, by_name
from benchmarks.check.measure import Measurement, Outcome, measurement
from benchmarks.check.plant import MOST, Plant, plants
from benchmarks.check.verify import homeport
from benchmarks.support.bench import Bench, Server
from benchmarks.support.processes import User

LAUNCHER = "modal==1.6.4"
NOT_RUN = frozenset({"deployed", "ddp_torchrun", "env_toplevel"})  # leave a function out, or take long
PLACEMENT = ("module", "sys.path", "third-party", "hand-kept", "script", "data file", "opened", "shadows")
"""What the classes are called whose apps still get as far as into a container."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check.prove", description=__doc__)
    parser.add_argument("apps", nargs="*", metavar="APPS", help="of benchmarks/check/apps.py; default: all")
    parser.add_argument("--most", type=int, default=2, help="runs of each class, in different apps (2)")
    parser.add_argument("--only", default="", metavar="WORDS", help="classes whose names hold this")
    parser.add_argument("--probe", action="store_true", help="probe the modules instead of running the apps")
    parser.add_argument("--every", action="store_true", help="with --probe: every fault, found or not")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what came of it as JSON")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, stack: sys.exit(128 + number))  # the engine has to end, too
    apps = by_name(arguments.apps)
    scratch = Path(tempfile.mkdtemp(prefix="hpc-", dir="/tmp"))
    try:
        bench = Bench(scratch, User(None), 1)
        with bench.keep, measurement() as each:
            python = _launcher(scratch)
            engine = bench.engine()
            if arguments.probe:
                every = partial(every_of_placement, arguments.only)
                found = partial(found_of_placement, each, arguments.only, arguments.most)
                rows = probed(apps, engine, python, scratch, every if arguments.every else found)
            else:
                rows = ran(apps, engine, python, each, scratch, arguments.only, arguments.most)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 1 if any(row["differs"] for row in rows) else 0


# ---- runs


def ran(
    apps: tuple[App, ...],
    engine: Server,
    python: Path,
    each: Measurement,
    scratch: Path,
    only: str,
    most: int,
) -> list[dict[str, Any]]:
    """Runs planted apps that get errors. A row a class: how many were run, how many failed, which did not."""
    rows: dict[str, dict[str, Any]] = {}
    for app, outcome in _chosen(apps, each, only, most):
        row = rows.setdefault(
            outcome.plant.fault, {"class": outcome.plant.fault, "run": 0, "failed": 0, "differs": []}
        )
        row["run"] += 1
        with _planted(app, outcome.plant, scratch) as folder:
            output = _fails(app, outcome.plant, engine, python, folder)
        if output is None:
            row["differs"].append(f"{app.name}: {outcome.plant.what}")
        else:
            row["failed"] += 1
        said = next(one for one in outcome.new if one.severity == "error")
        print(
            f"{'RAN' if output is None else 'failed'} {app.name}: {outcome.plant.what}\n    said {said}",
            flush=True,
        )
        print(f"    was  {(output or 'nothing').strip().splitlines()[-1][:160]}", flush=True)
    print(
        f"{sum(row['failed'] for row in rows.values())} of {sum(row['run'] for row in rows.values())} failed"
    )
    return list(rows.values())


def _chosen(apps: tuple[App, ...], each: Measurement, only: str, most: int) -> Iterator[tuple[App, Outcome]]:
    """Of each class, planted apps that get an error: in `most` apps, of each class others."""
    named = {app.name: app for app in apps if app.name not in NOT_RUN}
    by_fault: dict[str, list[Plant]] = defaultdict(list)
    for _, plant in plants(named.values(), most=1):
        by_fault[plant.fault].append(plant)
    for number, (fault, found) in enumerate(by_fault.items()):
        count = 0
        start = number * 7 % len(found)
        for plant in (*found[start:], *found[:start]) if only in fault else ():
            outcome = each.outcome(named[plant.app], plant)
            if count < most and outcome.is_found and any(one.severity == "error" for one in outcome.new):
                count += 1
                yield named[plant.app], outcome


def _fails(app: App, plant: Plant, engine: Server, python: Path, folder: Path) -> str | None:
    """What an app prints that fails, None if it does not."""
    commands = app.commands
    if plant.arguments is not None and plant.arguments != app.arguments:
        commands = (f"run {app.entry}::{plant.function} {' '.join(plant.arguments)}",)
    for alias in app.aliases:
        homeport(engine, "image", "alias", alias, "debian")
    for command in commands:
        words = command.split()
        argv = words[1:] if words[0] == "python" else ["-m", "modal", *words]
        done = subprocess.run(
            [str(python), *argv],
            cwd=folder,
            env=_environment(engine),
            capture_output=True,
            text=True,
            timeout=600,
        )
        if done.returncode:
            return done.stdout + done.stderr
    return None


# ---- modules, by the probe


def probed(
    apps: tuple[App, ...],
    engine: Server,
    python: Path,
    scratch: Path,
    chosen: Callable[[App], Iterable[Plant]],
) -> list[dict[str, Any]]:
    """Probes each app as it is, and with the chosen faults."""
    rows = []
    for app in apps:
        for plant in (None, *chosen(app)):
            with _planted(app, plant, scratch) as folder:
                rows.append(_probe(app, plant, engine, python, folder))
            print(_shown(rows[-1]), flush=True)
    by_class: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        by_class[row["class"]] += Counter({"probed": 1} | row["counts"])
    for fault, count in by_class.items():
        print(f"{fault}: {dict(sorted(count.items()))}")
    print(f"in all: {dict(sorted(sum(by_class.values(), Counter()).items()))}")
    return rows


def every_of_placement(only: str, app: App) -> Iterator[Plant]:
    """Each fault of placement that `benchmarks.check` plants and counts."""
    for _, plant in plants([app], most=MOST):
        if any(word in plant.fault for word in PLACEMENT) and only in plant.fault and plant.arguments is None:
            yield plant


def found_of_placement(each: Measurement, only: str, most: int, app: App) -> Iterator[Plant]:
    """`most` of the faults of placement that something is found of, one of a class."""
    classes: set[str] = set()
    for plant in every_of_placement(only, app):
        if len(classes) < most and plant.fault not in classes:
            said = {one.code for one in each.outcome(app, plant).new}
            if said & {"HP101", "HP103", "HP104", "HP105"}:
                classes.add(plant.fault)
                yield plant


def _probe(app: App, plant: Plant | None, engine: Server, python: Path, folder: Path) -> dict[str, Any]:
    for alias in app.aliases:
        homeport(engine, "image", "alias", alias, "debian")
    what = plant.what if plant else "as it is"
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "homeport"),
            "check",
            "--probe",
            "--format",
            "json",
            "--python",
            str(python),
            app.entry,
        ],
        cwd=folder,
        env={**_environment(engine), "HOMEPORT_HOME": str(engine.home)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    row = {"app": app.name, "class": plant.fault if plant else "as they are", "what": what}
    try:
        (report,) = json.loads(done.stdout)
    except ValueError:
        return {
            **row,
            "counts": {"not probed": 1},
            "differs": [],
            "why": (done.stdout + done.stderr)[-400:],
        }
    counts: Counter[str] = Counter()
    differs = []
    for function in report["functions"]:
        counts["not probed"] += bool(function["error"])
        for item in function["items"]:
            counts[f"{item['kind']} said {item['said']}, is {item['is']}"] += 1
            if item["verdict"] == "differs":
                found = f"is {item['is']} {item['where']} {item['error']}"
                differs.append(f"{function['name']}: {item['what']} said {item['said']}, {found}")
    errors = [function["error"] for function in report["functions"] if function["error"]]
    return {**row, "counts": dict(+counts), "differs": differs, "why": "\n".join(errors)[-400:]}


def _shown(row: dict[str, Any]) -> str:
    lines = [f"{'DIFFERS' if row['differs'] else 'agrees'} {row['app']}, {row['what']}: {row['counts']}"]
    return "\n    ".join([*lines, *row["differs"], *([row["why"]] if row["why"] else [])])


# ---- surroundings


def _launcher(scratch: Path) -> Path:
    """A Python that has installed modal and nothing else."""
    uv = str(Path(sys.executable).parent / "uv")
    venv = scratch / "launcher"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], check=True)
    python = venv / "bin" / "python"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), LAUNCHER], check=True)
    return python


def _environment(engine: Server) -> dict[str, str]:
    return {**os.environ, **engine.client_env, "NO_COLOR": "1"}


@contextlib.contextmanager
def _planted(app: App, plant: Plant | None, scratch: Path) -> Iterator[Path]:
    folder = scratch / "app"
    shutil.copytree(app.root, folder, ignore=shutil.ignore_patterns("__pycache__"))
    try:
        for file, text in (plant.changes if plant else {}).items():
            path = folder / file.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        yield folder
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
