"""Smoke run and verification on Modal's cloud, by the commands of docs/modal-cloud.md: `make verify-modal`.

Needs MODAL_TOKEN_ID and MODAL_TOKEN_SECRET in the environment, and is skipped without. Works in a Modal
environment of its own, so that nobody's Volumes are touched. `--here` types the same commands to Homeport's
engine instead, which shows that this script does what it says.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ENVIRONMENT = "seizure-verify"
APP = "deploy/modal/app.py::train"
SMOKE = ["--config-path", "configs/smoke_test.yaml", "--set", "training.steps=40,training.warmup_steps=5"]


def main() -> int:
    is_here = sys.argv[1:] == ["--here"]
    if sys.argv[1:] and not is_here:  # a slip of the pen must not be a run that costs money
        sys.exit("usage: python scripts/verify_modal.py [--here]")
    if not is_here and not (os.environ.get("MODAL_TOKEN_ID") and os.environ.get("MODAL_TOKEN_SECRET")):
        print("verify-modal: skipped: no MODAL_TOKEN_ID and MODAL_TOKEN_SECRET in the environment")
        return 0
    environment = {**os.environ, "MODAL_ENVIRONMENT": ENVIRONMENT}
    environment.pop("MODAL_SERVER_URL", None)  # a shell that was pointed at Homeport
    if is_here:
        environment.update(engine())
    with tempfile.TemporaryDirectory(prefix="verify-modal-") as folder:
        return verify(Path(folder), environment)


def engine() -> dict[str, str]:
    """The variables that point a modal command at Homeport's engine, which is started."""
    subprocess.run([BIN / "homeport", "up"], check=True)
    shown = subprocess.run([BIN / "homeport", "env", "--json"], check=True, stdout=subprocess.PIPE, text=True)
    variables: dict[str, str] = json.loads(shown.stdout)
    return variables


def verify(folder: Path, environment: dict[str, str]) -> int:
    known = modal(environment, "environment", "list", "--json")
    if ENVIRONMENT not in known:
        modal(environment, "environment", "create", ENVIRONMENT)
    corpus = folder / "corpus"
    call(environment, "python", "-m", "seizure", "synth", str(corpus), "--minutes", "2")
    modal(environment, "volume", "create", "seizure-data", check=False)  # it may be there from before
    modal(environment, "volume", "put", "--force", "seizure-data", str(corpus / "edf"), "edf")
    log = folder / "run.log"
    with log.open("w") as file:
        run = subprocess.Popen(
            [BIN / "modal", "run", "--detach", APP, *SMOKE],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert run.stdout
        for line in run.stdout:
            print(line, end="", flush=True)
            file.write(line)
    status = run.wait()
    print(f"\n$ python -m seizure verify {log}", flush=True)
    verified = subprocess.run([BIN / "python", "-m", "seizure", "verify", str(log)], cwd=ROOT).returncode
    done = "verified" if status == verified == 0 else "NOT verified"
    print(f"\nverify-modal: {done}. To remove what is left: modal environment delete {ENVIRONMENT}")
    return 0 if status == verified == 0 else 1


def modal(environment: dict[str, str], *arguments: str, check: bool = True) -> str:
    return call(environment, "modal", *arguments, check=check)


def call(environment: dict[str, str], program: str, *arguments: str, check: bool = True) -> str:
    """What a command prints. Raises CalledProcessError; its words are on stderr already."""
    print(f"$ {program} {' '.join(arguments)}", flush=True)
    done = subprocess.run(
        [BIN / program, *arguments], cwd=ROOT, env=environment, check=check, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
