"""Smoke runs of the pipelines on Modal's cloud, by the commands of docs/modal-cloud.md: `make verify-modal`.

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
ENVIRONMENT = "homeport-verify"
APP = "deploy/modal/app.py::train"
CATS = {
    "src/train.py": ["--config-path", "configs/classifier_smoke.yaml"],
    "src/train_dit.py": ["--config-path", "configs/tinydit_smoke.yaml"],
}
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
        make_environment(environment)
        is_verified = {"the EEG pipeline": verify_seizure(Path(folder), environment)}
    for app, arguments in CATS.items():
        is_verified[app] = verify_cats(app, arguments, environment)
    for name, verified in is_verified.items():
        print(f"verify-modal: {name}: {'verified' if verified else 'NOT verified'}")
    print(f"To remove what is left: modal environment delete {ENVIRONMENT}")
    return 0 if all(is_verified.values()) else 1


def engine() -> dict[str, str]:
    """The variables that point a modal command at Homeport's engine, which is started."""
    subprocess.run([BIN / "homeport", "up"], check=True)
    shown = subprocess.run([BIN / "homeport", "env", "--json"], check=True, stdout=subprocess.PIPE, text=True)
    variables: dict[str, str] = json.loads(shown.stdout)
    return variables


def make_environment(environment: dict[str, str]) -> None:
    known = modal(environment, "environment", "list", "--json")
    if ENVIRONMENT not in known:
        modal(environment, "environment", "create", ENVIRONMENT)


def verify_cats(app: str, arguments: list[str], environment: dict[str, str]) -> bool:
    """Every module can be imported in the container, and the smoke run ends well."""
    for words in ([f"{app}::check_imports"], ["--detach", app, *arguments]):
        print(f"\n$ modal run {' '.join(words)}", flush=True)
        if subprocess.run([BIN / "modal", "run", *words], cwd=ROOT, env=environment).returncode:
            return False
    return True


def verify_seizure(folder: Path, environment: dict[str, str]) -> bool:
    """The smoke run ends well, and its log shows that it was the one that was asked for."""
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
    return status == verified == 0


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
