"""What `make run` does after the set-up: starts the engine, trains the example, says where everything is.

Everything goes through the real modal command, as a person would type it; this file only types it and ends
with what to do next.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
APP = "examples/fifty_files/app.py::train"
SMOKE = "configs/smoke_test.yaml"
VOLUME = "fifty-files-results"
CHECKPOINTS = "checkpoints/smoke"


def main() -> int:
    # The example reads this variable, which is its story; the first run should not depend on the shell's.
    os.environ.pop("BGB_LIMIT_FILES", None)
    up = subprocess.run([BIN / "homeport", "up"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if up.returncode != 0:
        return up.returncode
    print(up.stdout.splitlines()[0], flush=True)
    print(f"\n$ modal run {APP} --config-path {SMOKE}", flush=True)
    done = subprocess.run([BIN / "homeport", "run", APP, "--config-path", SMOKE], cwd=ROOT)
    if done.returncode != 0:
        print(
            "\nThe run failed; its words are above. To check this machine: homeport doctor", file=sys.stderr
        )
        return done.returncode
    print(summary(read_metrics(), last_app()))
    return 0


def read_metrics() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "metrics.json"
        modal("volume", "get", VOLUME, f"{CHECKPOINTS}/metrics.json", str(file))
        metrics: dict[str, object] = json.loads(file.read_text())
    return metrics


def modal(*arguments: str) -> str:
    """What a modal command prints. Raises CalledProcessError; its words are on stderr already."""
    command = [BIN / "homeport", "modal", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def last_app() -> str:
    """The id of the app that ran last."""
    apps = json.loads(modal("app", "list", "--json"))
    return str(max(apps, key=lambda app: app["created_at"])["app_id"])


def summary(metrics: dict[str, object], app_id: str) -> str:
    to_path = "" if os.environ.get("VIRTUAL_ENV") == str(ROOT / ".venv") else ".venv/bin/"
    return f"""
Trained a classifier of digits in a container on this machine: {metrics["train_files"]} files to train,
{metrics["val_files"]} to validate, accuracy {metrics["accuracy"]}.

To type modal commands yourself, point this shell at the engine:
  eval "$({to_path}homeport env)"

The checkpoint lies in a Volume; to fetch it:
  modal volume get {VOLUME} {CHECKPOINTS}/model.pkl
To see the log again:
  modal app logs {app_id}
The full training, of which this was the smoke test:
  modal run examples/fifty_files/app.py::train
To stop the engine:
  {to_path}homeport down"""


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
