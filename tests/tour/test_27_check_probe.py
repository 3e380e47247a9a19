"""`homeport check --probe`: builds the image and imports for real: the ground truth of what is said."""

import json

import pytest

# The fault of ADR-030: the files are in /app, the path says /app/src.
BROKEN = """
    import os
    import sys
    from pathlib import Path

    import modal

    app = modal.App("tour-probe")
    HERE = Path(__file__).parent
    settings = modal.Secret.from_dict({"MODE": "probe"})
    results = modal.Volume.from_name("tour-probe", create_if_missing=True)
    image = (
        modal.Image.debian_slim()
        .add_local_file(HERE / "dataset.py", "/app/dataset.py")
        .add_local_dir(HERE / "pkg", "/app/pkg")
    )


    def set_up(folder):
        sys.path.insert(0, folder)
        os.chdir("/app")


    @app.function(image=image, secrets=[settings], volumes={"/results": results})
    def train():
        set_up("/app/src")
        try:
            import wandb
        except ImportError:
            wandb = None
        import json
        from dataset import load

        print("THE BODY RAN", load(), open("/app/config.yaml").read())


    @app.function(image=image)
    def mended():
        set_up("/app")
        import importlib

        from dataset import load
        from pkg.model import Model

        layers = importlib.import_module("pkg.layers")
        print("THE BODY RAN", load(), Model, layers, open("pkg/sizes.txt").read())


    @app.cls(image=image)
    class Judge:
        @modal.enter()
        def enter(self):
            set_up("/app")

        @modal.method()
        def judge(self):
            import pkg.broken


    @app.local_entrypoint()
    def main():
        train.remote()
    """


@pytest.fixture
def written(write):
    write("app.py", BROKEN)
    write(
        "dataset.py", "import os\nassert os.environ.get('MODE', 'probe') == 'probe'\ndef load(): return 1\n"
    )
    write("pkg/__init__.py", "")
    write("pkg/model.py", "from pkg import layers\nclass Model: ...\n")
    write("pkg/layers.py", "")
    write("pkg/sizes.txt", "3")
    write("pkg/broken.py", "raise RuntimeError('not on this machine')\n")


@pytest.mark.once_as("root")
def test_the_probe_says_what_each_function_lacks_in_its_container(engine, homeport, written):
    said = homeport("check", "--probe", "--format", "json", "app.py", fails=True, timeout_s=170)
    assert said.code == 1
    [app] = json.loads(said.out)
    functions = {function["name"]: function for function in app["functions"]}
    assert list(functions) == ["train", "mended", "Judge"]
    assert not [function["error"] for function in app["functions"] if function["error"]]
    found = {
        name: {item["what"]: (item["is"], item["verdict"]) for item in function["items"]}
        for name, function in functions.items()
    }
    assert found["train"]["json"] == ("there", "agrees")
    assert found["train"]["wandb"][0] == "missing"
    assert found["train"]["dataset.load"] == ("missing", "agrees")
    assert found["train"]["/app/config.yaml"] == ("missing", "agrees")
    assert {name: found["mended"][name] for name in ("dataset.load", "pkg.model.Model", "pkg.layers")} == {
        "dataset.load": ("there", "agrees"),
        "pkg.model.Model": ("there", "agrees"),
        "pkg.layers": ("there", "agrees"),
    }
    assert found["mended"]["/app/pkg/sizes.txt"] == ("there", "agrees")
    assert found["Judge"]["pkg.broken"][0] == "fails"
    assert "differs" not in {verdict for items in found.values() for _, verdict in items.values()}
    needed = {item["what"]: item["needed"] for item in functions["train"]["items"]}
    assert needed["dataset.load"] and not needed["wandb"]
    assert "THE BODY RAN" not in said.text

    whole = homeport("check", "--probe", "app.py::mended")
    assert "differs on 0" in whole.out
    assert homeport("check", "--probe", "--static", "app.py", fails=True).code == 2
