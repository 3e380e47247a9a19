"""What `make run` does after the set-up: the EEG pipeline's smoke run, through the engine.

Makes a synthetic corpus (or takes the one that TUSZ_DIR names), hands it to the engine as a Volume, types the
smoke command as a person would, and says what came out and what to do next. Everything of the pipeline goes
through the real modal command.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from seizure.corpus.discover import discover
from seizure.errors import SeizureError

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SYNTHETIC = Path("data/synthetic")
APP = "deploy/modal/app.py::train"
SMOKE = "configs/smoke_test.yaml"
DATA, RESULTS = "seizure-data", "seizure-results"
REPORTS = ROOT / "reports"
SYNTHETIC_WORDS = """
The corpus is synthetic, and easier than patients are: these scores show that the pipeline works, no more.
"""
LINK_TUSZ = f"  homeport volume link {DATA} /corpora/tusz\n"


def main() -> int:
    named = os.environ.get("TUSZ_DIR")
    corpus = own_corpus(named) if named else SYNTHETIC
    up = subprocess.run([BIN / "homeport", "up"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if up.returncode != 0:
        return up.returncode
    print(up.stdout.splitlines()[0], flush=True)
    if not named:
        say(f"python -m seizure synth {SYNTHETIC}")
        subprocess.run([BIN / "python", "-m", "seizure", "synth", SYNTHETIC], cwd=ROOT, check=True)
    say(f"homeport volume link {DATA} {corpus}")
    subprocess.run([BIN / "homeport", "volume", "link", DATA, corpus], cwd=ROOT, check=True)
    say(f"modal run --detach {APP} --config-path {SMOKE}")
    status = typed("run", "--detach", APP, "--config-path", SMOKE)
    if status != 0:
        words = f"The run failed; its words are above. To check this machine: {to_path()}homeport doctor"
        print(f"\n{words}", file=sys.stderr)
        return status
    print(summary(fetch(newest_run()), synthetic=not named))
    return 0


def typed(*arguments: str) -> int:
    """Runs a homeport command in the foreground. Ctrl-C reaches it too, and it has the time to answer."""
    process = subprocess.Popen([BIN / "homeport", *arguments], cwd=ROOT)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        words = (
            "What was started in the engine goes on, as --detach asks. Here, modal's commands above begin\n"
            f"with {to_path()}homeport; {to_path()}homeport down stops all of it, with the engine."
        )
        print(f"\n{words}", file=sys.stderr)
        raise


def own_corpus(named: str) -> Path:
    """The folder that TUSZ_DIR names. Exits, before anything is started, where no corpus is in it."""
    folder = Path(named).expanduser().resolve()
    if not folder.is_dir():
        sys.exit(f"TUSZ_DIR={named} is no folder: name the one that holds edf/train and edf/dev")
    try:
        discover(folder)
    except SeizureError as error:
        sys.exit(f"TUSZ_DIR={named}: {error}")
    return folder


def say(command: str) -> None:
    print(f"\n$ {command}", flush=True)


def newest_run() -> str:
    """The folder of the newest smoke run in the results' Volume: its name ends in the time of its start."""
    listed = json.loads(modal("volume", "ls", RESULTS, "runs", "--json"))
    names = (Path(entry["filename"]).name for entry in listed)
    return max(name for name in names if name.startswith("smoke-"))


def fetch(run: str) -> Path:
    """Copies the run's folder out of the Volume, whole: a second, which each file would take alone."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    modal("volume", "get", "--force", RESULTS, f"runs/{run}", str(REPORTS))
    return REPORTS / run


def modal(*arguments: str) -> str:
    """What a modal command prints. Raises CalledProcessError; its words are on stderr already."""
    command = [BIN / "homeport", "modal", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def summary(folder: Path, *, synthetic: bool) -> str:
    """What came out, of a run's folder that was fetched, and what can be done next."""
    scores = {
        split: json.loads(Path(folder, f"scores-{split}.json").read_text())["scores"]
        for split in ("val", "eval")
        if Path(folder, f"scores-{split}.json").exists()
    }
    verified = json.loads(Path(folder, "verification.json").read_text())
    shown = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
    return f"""
Scores on recordings that were not trained on (threshold fitted on val):
{table(scores)}
{SYNTHETIC_WORDS if synthetic else ""}
Verification: {verified["verdict"]} (files, variable and cache folder are those that were asked for).
The report, one page: {shown}/report.html

To find seizures in a recording of yours with this model, once PyTorch is here too:
  make seizure
  {to_path()}python -m seizure predict RECORDING.edf --model {shown}
To type modal commands yourself, point this shell at the engine:
  eval "$({to_path()}homeport env)"
The full training, of which this was the smoke run; its corpus is TUSZ, see docs/seizure.md:
{LINK_TUSZ if synthetic else ""}  modal run --detach {APP}
To stop the engine:
  {to_path()}homeport down"""


def to_path() -> str:
    return "" if os.environ.get("VIRTUAL_ENV") == str(ROOT / ".venv") else ".venv/bin/"


def table(scores: dict[str, Any]) -> str:
    """A line for each scorer and split."""
    rows = [("", "sensitivity", "precision", "F1", "false alarms (samples: seconds) a day")]
    for split, scored in scores.items():
        for figures in scored.values():
            if isinstance(figures, dict) and "scorer" in figures:
                values = (figures["sensitivity"], figures["precision"], figures["f1"])
                alarms = figures["false_alarms_per_day"]
                shown = tuple(number(value, 3) for value in values)
                rows.append((f"{split}: {figures['scorer']}", *shown, number(alarms, 1)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for first, *cells in rows:
        aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join(["", first.ljust(widths[0]), *aligned]))
    return "\n".join(lines)


def number(value: float | None, places: int) -> str:
    return "-" if value is None else f"{value:.{places}f}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
