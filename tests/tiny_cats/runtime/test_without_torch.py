"""`predict` and `sample` where PyTorch cannot be imported at all."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# of the training's environment what the group cats-runtime of pyproject.toml has not
FORBIDDEN = (
    "torch",
    "onnx",
    "onnxscript",
    "safetensors",
    "pydantic",
    "yaml",
    "matplotlib",
    "jinja2",
    "filelock",
)
TYPED = f"""
import sys
class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FORBIDDEN!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Forbid())
from tiny_cats.commands import run
sys.exit(run(sys.argv[1:]))
"""


def typed(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "-c", TYPED, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "cat.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)).save(path)
    return path


def test_predict(classifier_folder: Path, picture: Path) -> None:
    done = typed("predict", picture, "--model", classifier_folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{picture}: ")


def test_sample(tinydit_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    done = typed("sample", "--model", tinydit_folder, "--count", 2, "--steps", 2, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert out.exists()


def test_a_runs_checkpoint_needs_pytorch_and_says_so(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(b"")
    done = typed("predict", picture, "--model", tmp_path / "best.pt")
    assert done.returncode == 1
    assert done.stderr.startswith("error: PyTorch is not installed here: ") and done.stderr.count("\n") == 1
