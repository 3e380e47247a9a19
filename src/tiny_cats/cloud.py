"""What the Modal apps of both trainings (src/train.py, src/train_dit.py) have in common.

Only `modal` and the standard library are imported here: this is read where `modal run` is typed, which may
have nothing else, and again in the container. The package is shipped by its name (`add_local_python_source`,
plans/ADR-030): nothing edits sys.path, and there is no list of files to keep.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any, Literal

import modal

Kind = Literal["classifier", "dit"]

PACKAGES = ("tiny_cats", "training_kit")
# pages' templates are shipped beside the modules; bytecode is not: it changes while it is read
NOT_SHIPPED = ["**/__pycache__", "**/*.pyc"]
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1] if modal.is_local() else HERE.parent  # in the container: /root
SETTINGS_FILE = ROOT / "deploy" / "cats" / "settings.toml" if modal.is_local() else ROOT / "settings.toml"
SETTINGS: dict[str, Any] = tomllib.loads(SETTINGS_FILE.read_text())

# add_local_python_source came with 0.67.28, uv_pip_install with 1.1.0, with_mount_options with 1.4.3
LEAST_CLIENT = "1.4.3"
TORCH = "torch==2.13.0"
PRETRAINED = ("torchvision==0.28.0", "timm==1.0.31")  # where a configuration starts from timm's weights
WANDB = "wandb==0.31.0"
ATTEMPT_S = 24 * 3600  # the longest that Modal lets one attempt take
MARGIN_S = 1800  # to end by ourselves before that: last checkpoint, commit
ATTEMPTS = 9  # each goes on where the one before ended


def refuse_old_client(version: str = modal.__version__) -> None:
    """Ends the command in a sentence where the client lacks what the apps are written with."""
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < tuple(map(int, LEAST_CLIENT.split("."))):
        sys.exit(f"error: modal {version} is too old for this app: pip install 'modal>={LEAST_CLIENT}'")


def data() -> modal.Volume:
    volume = modal.Volume.from_name(SETTINGS["volumes"]["data"], create_if_missing=True)
    return volume.with_mount_options(read_only=True)


def outputs() -> modal.Volume:
    return modal.Volume.from_name(SETTINGS["volumes"]["outputs"], create_if_missing=True)


def secrets() -> list[modal.Secret]:
    name = SETTINGS["tracking"]["wandb_secret"]
    return [modal.Secret.from_name(name, required_keys=["WANDB_API_KEY"])] if name else []


def image(*more: str) -> modal.Image:
    """PyTorch first, which changes least, then the locked packages, then `more`; code and settings last."""
    made = modal.Image.debian_slim(python_version="3.11").uv_pip_install(TORCH)
    made = made.uv_pip_install(requirements=[str(ROOT / "deploy" / "cats" / "requirements.txt")])
    if SETTINGS["tracking"]["wandb_secret"]:
        made = made.uv_pip_install(WANDB)
    if more:
        made = made.uv_pip_install(*more)
    return (
        made.add_local_python_source(*PACKAGES, ignore=NOT_SHIPPED)
        .add_local_dir(ROOT / "configs", "/root/configs")
        .add_local_file(SETTINGS_FILE, "/root/settings.toml")
    )


def machine(kind: Kind) -> dict[str, Any]:
    """The options of a training function: what it runs on, for how long, and how often it goes on."""
    asked = SETTINGS[kind]
    return {
        "gpu": asked["gpu"] or None,
        "cpu": asked["cpu"],
        "memory": asked["memory_mib"],
        "secrets": secrets(),
        "timeout": ATTEMPT_S,
        "retries": modal.Retries(max_retries=ATTEMPTS - 1, initial_delay=1.0, backoff_coefficient=1.0),
    }


def train(
    kind: Kind, volume: modal.Volume, config_path: str, resume: bool, max_steps: int | None, overrides: str
) -> None:
    """One attempt, in the container. One that is killed, or out of time, is followed by one that goes on."""
    from tiny_cats.config import resolve_classifier, resolve_dit
    from tiny_cats.errors import CatsError
    from tiny_cats.run import start

    resolve = resolve_classifier if kind == "classifier" else resolve_dit
    try:
        status = start(
            kind,
            resolve(config_path, [overrides] if overrides else []),
            data_dir=Path("/data"),
            results_dir=Path("/outputs"),
            resume=resume,
            max_steps=max_steps,
            on_checkpoint=volume.commit,
            call_id=modal.current_function_call_id() or "",
            limit_s=ATTEMPT_S - MARGIN_S,
        )
    except CatsError as error:
        print(f"error: {error}", flush=True)
        status = 1
    finally:
        volume.commit()  # a failed run's log and checkpoints are what is needed most
    if status:
        raise RuntimeError(f"the run ended with status {status}; what it said is above, in the log")


def import_all() -> None:
    """Imports every module of the training, here in the container, and prints where each comes from."""
    import pkgutil
    from importlib import import_module

    failed = []
    for package in PACKAGES:
        folder = str(Path(str(import_module(package).__file__)).parent)
        for module in pkgutil.walk_packages([folder], f"{package}."):
            if module.name.endswith("__main__"):
                continue
            try:
                print(f"{module.name}: {import_module(module.name).__file__}", flush=True)
            except Exception as error:
                print(f"{module.name}: FAILED: {type(error).__name__}: {error}", flush=True)
                failed.append(module.name)
    if failed:
        raise RuntimeError(f"{len(failed)} modules cannot be imported here: {', '.join(failed)}")
    print("every module of the training can be imported", flush=True)


# what is typed, where it is typed


def refuse_second_set() -> None:
    if modal.is_local() and sum(word.partition("=")[0] == "--set" for word in sys.argv) > 1:
        sys.exit("error: --set stands twice, and modal run would take the last only: --set first=1,second=2")


def check_config(default: str, words: list[str]) -> None:
    """Ends the command in a sentence where the configuration that is typed will not be in the container."""
    name = typed("--config-path", words) or default
    path = ROOT / name
    if modal.is_local() and not path.is_file():
        known = ", ".join(sorted(file.name for file in path.parent.glob("*.yaml"))) or "none"
        sys.exit(f"error: {name}: no such file; there are in {path.parent}: {known}")
    if modal.is_local() and (ROOT / "configs") not in path.resolve().parents:
        sys.exit(f"error: {name}: only files below {ROOT / 'configs'} get into the container: put it there")


def wants_pretrained(default: str, words: list[str]) -> bool:
    """Whether the run that is typed starts from timm's weights: only then its image holds timm.

    The image is made before the run's configuration gets to the container, so it is looked into here.
    """
    if not modal.is_local() or any(word.endswith("::check_imports") for word in words):
        return False
    if "model.weights=imagenet" in typed("--set", words):
        return True
    text = (ROOT / (typed("--config-path", words) or default)).read_text()
    return re.search(r"^\s+weights:\s*imagenet\b", text, re.MULTILINE) is not None


def typed(option: str, words: list[str]) -> str:
    """The value of an option among words, or ""."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else after
    return ""
