"""The apps that faults are planted into, and those of the repository that nothing may be said of."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
APPS = Path(__file__).parent / "apps"


@dataclass(frozen=True)
class App:
    """An app's entry file, and the commands that run all of it ("run …" is `modal run …`).

    `checked` is what is asked of the preflight: a function, where there are several. `prints` has to be
    in what the commands print. `launcher` are libraries that the launcher needs beside modal.
    """

    name: str
    entry: str
    commands: tuple[str, ...]
    prints: str
    function: str = ""
    arguments: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    launcher: tuple[str, ...] = ()
    folder: Path = Path()

    @property
    def root(self) -> Path:
        return APPS / self.name if self.folder == Path() else self.folder

    def digest(self) -> str:
        """Of all its files: what was seen to run is what lies here."""
        found = hashlib.sha256()
        for path in sorted(path for path in self.root.rglob("*") if path.is_file()):
            if "__pycache__" not in path.parts:
                found.update(f"{path.relative_to(self.root)}\0".encode() + path.read_bytes() + b"\0")
        return found.hexdigest()[:16]


OWN = (
    App("hf_finetune", "modal_app.py", ("run modal_app.py",), "loss 0."),
    App("ddp_torchrun", "train_modal.py", ("run train_modal.py --steps 3",), "world 2"),
    App(
        "module_child",
        "launch.py",
        ("run launch.py::train --experiment wide", "run launch.py::best"),
        "wide: rmse",
        "train",
        ("--experiment", "wide"),
    ),
    App("path_edits", "src/train.py", ("run src/train.py",), "epoch 2: loss"),
    App(
        "path_edits_wide",
        "src/train_wide.py",
        ("run src/train_wide.py",),
        "epoch 1: loss",
        folder=APPS / "path_edits",
    ),
    App("shared_image", "train.py", ("run train.py",), "unet: dice"),
    App(
        "shared_image_evaluate",
        "evaluate.py",
        ("run train.py", "run evaluate.py::evaluate"),
        "held out:",
        folder=APPS / "shared_image",
    ),
    App("file_relative", "jobs/forecast.py", ("run jobs/forecast.py --horizon 2",), "price ["),
    App("package_source", "app.py", ("run app.py",), "'accuracy':"),
    App("cls_enter", "predictor.py", ("run predictor.py",), "[0, 1, 2]"),
    App("map_dataset", "preprocess.py", ("run preprocess.py",), "'rows': 150"),
    App("resume", "long_run.py", ("run long_run.py::train",), "from step 10"),
    App("wandb_optional", "train_app.py", ("run train_app.py::train",), "loss=", "train", ("--steps", "3")),
    App(
        "env_toplevel",
        "train.py",
        ("run train.py::train", "run train.py::export"),
        "'weight': (1, 4)",
        "train",
    ),
    App("deployed", "service.py", ("deploy service.py", "python client.py"), "a cat on a mat"),
    App("image_helper", "job.py", ("run job.py",), "3 lab"),
    App(
        "cuda_registry",
        "bench_kernels.py",
        ("run bench_kernels.py",),
        "CUDA_HOME=/usr/local/cuda",
        aliases=("nvidia/cuda:*",),
    ),
    App("pyproject_uv", "modal_job.py", ("run modal_job.py",), "accuracy 1.00"),
    App(
        "yaml_configs",
        "deploy/app.py",
        ("run deploy/app.py::train --config-path configs/smoke.yaml", "run deploy/app.py::train"),
        "full epoch 6",
        "train",
        ("--config-path", "configs/smoke.yaml"),
    ),
    App("image_imports", "rag.py", ("run rag.py",), "Cats sleep on mats."),
    App("guarded", "finetune_lora.py", ("run finetune_lora.py --model large",), "0."),
    App(
        "nightly",
        "nightly.py",
        ("run nightly.py::train --task regression", "run nightly.py::every_night"),
        "ranking:",
        "train",
        ("--task", "ranking"),
    ),
)

OTHERS = (
    App("deploy/modal", "deploy/modal/app.py", (), "", "train", folder=REPOSITORY),
    App("src/train", "src/train.py", (), "", "main", folder=REPOSITORY),
    App("src/train_dit", "src/train_dit.py", (), "", "main", folder=REPOSITORY),
    App("examples/option1", "examples/adr030/option1.py", (), "", folder=REPOSITORY),
    App("examples/option2", "examples/adr030/option2.py", (), "", folder=REPOSITORY),
    App("examples/option3", "examples/adr030/option3.py", (), "", folder=REPOSITORY),
    *(
        App(
            f"tests/{name}", entry, (), "", launcher=(*launcher,), folder=REPOSITORY / "tests" / "apps" / name
        )
        for name, entry, *launcher in (
            ("classify", "modal_app.py"),
            ("detector", "finetune.py"),
            ("diffusion", "modal_train.py"),
            ("eeg", "app.py", "numpy"),
            ("notebook", "launch.py"),
            ("speech", "modal_finetune.py"),
            ("sweep", "sweep.py", "yaml"),
            ("tinygpt", "modal_train.py"),
        )
    ),
)
"""Apps of this repository that are run by its tests, or on the cloud; faults are not planted there."""


def by_name(names: list[str]) -> tuple[App, ...]:
    """Those asked for, all of our own where none is."""
    known = {app.name: app for app in (*OWN, *OTHERS)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"no app named {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(known[name] for name in names) or OWN
