"""An app, read out of its source."""

import textwrap
from pathlib import Path
from typing import Any

import pytest

from homeport.check.facts import App, Function, Image
from homeport.check.reading import read_app
from homeport.check.source import Sources
from homeport.check.values import FromShell, Unknown, is_known


def read(folder: Path, text: str, name: str = "", **files: str) -> App:
    for path, content in {"app": text, **files}.items():
        file = folder / (path.replace("__", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(content))
    sources = Sources()
    return read_app(sources.read(folder / "app.py", name), sources, folder)


def steps(function: Function) -> list[Any]:
    assert isinstance(function.image, Image)
    return [
        step.why if isinstance(step, Unknown) else (step.method, *step.args) for step in function.image.steps
    ]


def test_usual_app(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        from pathlib import Path
        import modal
        HERE = Path(__file__).parent
        MINUTES = 60
        image = modal.Image.debian_slim(python_version="3.11").pip_install("torch", "numpy")
        for name in ["model", "data"]:
            image = image.add_local_file(HERE / f"{name}.py", f"/app/{name}.py")
        app = modal.App("usual", image=image)
        volume = modal.Volume.from_name("out", create_if_missing=True)

        secrets = [modal.Secret.from_name("w")]

        @app.function(gpu="A100", timeout=10 * MINUTES, volumes={"/out": volume}, secrets=secrets)
        def train(epochs: int = 3, *, resume=False): ...

        @app.local_entrypoint()
        def main(): ...
        """,
    )
    train, main = app.functions
    assert (app.name, app.how, app.unknown) == ("usual", "static", ())
    assert (train.name, train.kind, main.kind) == ("train", "function", "local_entrypoint")
    assert {key: train.options[key] for key in ("gpu", "timeout")} == {"gpu": "A100", "timeout": 600}
    assert steps(train) == [
        ("debian_slim",),
        ("pip_install", "torch", "numpy"),
        ("add_local_file", tmp_path / "model.py", "/app/model.py"),
        ("add_local_file", tmp_path / "data.py", "/app/data.py"),
    ]
    assert train.volumes["/out"].name == "out"  # type: ignore[union-attr]
    assert [one.args for one in train.secrets] == [("w",)]  # type: ignore[union-attr]
    assert [(one.name, one.annotation, one.default, one.kind) for one in train.parameters] == [
        ("epochs", "int", "3", "positional"),
        ("resume", None, "False", "keyword"),
    ]


@pytest.mark.parametrize(
    "top",
    [
        "import modal\nApp, I = modal.App, modal.Image",
        "import modal as m\nApp, I = m.App, m.Image",
        "from modal import App, Image as I",
        "from modal.app import App\nfrom modal.image import Image as I",
    ],
)
def test_modal_by_any_name(tmp_path: Path, top: str) -> None:
    app = read(tmp_path, top + "\napp = App('a', image=I.debian_slim())\n@app.function()\ndef f(): ...\n")
    assert steps(app.functions[0]) == [("debian_slim",)]


def test_shell(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        import os, modal
        GPU = os.environ.get("GPU", "T4")
        COUNT = int(os.getenv("COUNT", "2"))
        app = modal.App("a")
        @app.function(gpu=f"{GPU}:{COUNT}", secrets=[modal.Secret.from_dict({"KEY": os.environ["KEY"]})])
        def f(): ...
        """,
    )
    gpu = app.functions[0].options["gpu"]
    assert isinstance(gpu, FromShell) and (gpu.name, gpu.default) == ("GPU", "T4:2")
    key = app.functions[0].secrets[0].args[0]["KEY"]  # type: ignore[union-attr]
    assert isinstance(key, FromShell) and key.name == "KEY" and not is_known(key)
