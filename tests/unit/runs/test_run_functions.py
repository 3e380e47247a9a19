"""Where functions are defined, and their defaults, by their source; nothing is imported."""

import pytest

from homeport.control.runs.functions import located
from homeport.record.run import Function, Place

SOURCE = """
raise SystemExit("never run")

@app.function()
def train(config_path="full.yaml", *, n: int = -3, steps=10 * 2, seed=None):
    pass

if True:
    async def late(x, y=(1, "a")): pass

@app.cls()
class Model:
    size: int = modal.parameter(default=3)

    @modal.method()
    def predict(self, image, top=5): pass
"""


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "root" / "pkg").mkdir(parents=True)
    (tmp_path / "root" / "pkg" / "app.py").write_text(SOURCE)
    (tmp_path / "root" / "broken.py").write_text("def (")
    return tmp_path


@pytest.mark.parametrize(
    ("tag", "line", "name", "defaults"),
    [
        ("train", 5, "train", {"config_path": '"full.yaml"', "n": "-3", "steps": "<10 * 2>", "seed": "null"}),
        ("late", 9, "late", {"y": '[1, "a"]'}),
        ("Model.*", 12, "Model", {"predict.top": "5"}),
    ],
)
def test_a_function_is_found_in_its_module(tree, tag, line, name, defaults):
    (found,) = located([(Function(tag), "pkg.app")], [tree])
    assert found == Function(tag, defined=Place("/root/pkg/app.py", line, name), defaults=defaults)


@pytest.mark.parametrize("module", ["", "gone", "broken", "../../etc/passwd", "/etc/passwd"])
def test_without_its_source_a_function_is_recorded_all_the_same(tree, module):
    assert located([(Function("train"), module)], [tree]) == [Function("train")]
