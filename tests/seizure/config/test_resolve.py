"""Configurations: read once, overridden, explained; whatever is wrong is named with its place."""

from pathlib import Path

import pytest

from seizure.config import load_resolved, resolve
from seizure.errors import ConfigError

ROOT = Path(__file__).parents[3]
TEXT = """\
name: tusz
kind: full
data:
  release: a-1.0
training:
  steps: 400
expect:
  a-1.0: {train: 3, val: 2}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str = TEXT) -> Path:
        path = tmp_path / "run.yaml"
        path.write_text(text)
        return path

    return write


def test_every_value_has_an_origin(write):
    resolved = resolve(write(), ["data.root=tusz", "training.batch_size=2,training.seed=7"])
    assert resolved.config.training.batch_size == 2
    assert resolved.origins["training.steps"].endswith("run.yaml:6")
    assert resolved.origins["training.seed"] == "--set training.seed"
    assert resolved.origins["training.warmup_steps"] == "default"
    assert resolved.origins["expect.a-1.0.train"].endswith("run.yaml:8")
    lines = list(resolved.lines())
    assert len(lines) == len(resolved.origins)
    assert 'data.root = "tusz"  (--set data.root)' in lines


def test_compact_lines_say_as_much_in_fewer(write):
    resolved = resolve(write())
    lines = list(resolved.compact_lines())
    assert len(lines) < len(list(resolved.lines())) / 2
    for key in resolved.origins:
        assert sum(f"{key} = " in line for line in lines) == 1, key


def test_what_is_saved_is_read_back(write, tmp_path):
    resolved = resolve(write(), ["data.root=x"])
    resolved.save(tmp_path / "config.json")
    assert load_resolved(tmp_path / "config.json") == resolved
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="not a saved configuration"):
        load_resolved(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("text", "overrides", "says"),
    [
        (TEXT + "steps: 3\n", [], r"steps is no setting; did you mean training\.steps\? \(.*run\.yaml:9\)"),
        (TEXT, ["data.limt_files=3"], r"is no setting; did you mean data\.limit_files\? \(--set data\.limt"),
        (TEXT, ["data.qqq=3"], r"data\.qqq is no setting \(--set data\.qqq\)"),
        (TEXT, ["training.steps=many"], r"training\.steps: .*valid integer.* \(--set training\.steps\)"),
        (TEXT, ["training.steps"], "should be KEY=VALUE, such as training.steps=100"),
        (TEXT, ["name.x=1"], "name is a value, not a section"),
        (TEXT, ["data.limit_files=50"], "a full run takes all recordings"),
        (TEXT, ["kind=smoke"], r"a smoke run needs data\.limit_files"),
        (TEXT, ["data.release=b"], r"b is not among expect's releases \(a-1\.0\)"),
        (TEXT, ["data.holdout_val_files=9"], r"data\.holdout_val_files is for data\.split: holdout"),
        (TEXT, ["preprocessing.high_hz=128"], "below half of preprocessing.rate_hz"),
        (TEXT, ["postprocessing.merge_s=-1"], r"merge_s: Input should be .* 0, or be `fit` \(--set [^;]*$"),
        (TEXT, ["postprocessing.threshold=fitted"], r"threshold: .* number.*, or be `fit` \(--set [^;]*$"),
        (TEXT.replace("kind: full", "kind: full\nkind: full"), [], r"run\.yaml:3: kind stands twice"),
        ("- 1\n", [], "should be a mapping"),
        ("a: [\n", [], "not YAML"),
        ("name: x\n", [], "kind is missing"),
    ],
)
def test_each_mistake_is_named_with_its_place(write, text, overrides, says):
    with pytest.raises(ConfigError, match=says):
        resolve(write(text), overrides)


def test_a_configuration_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file.*configs/"):
        resolve(tmp_path / "none.yaml")


SHIPPED = sorted(
    path for path in (ROOT / "configs").glob("*.yaml") if path.stem.startswith(("smoke_", "tusz_"))
)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_configurations(path: Path):
    config = resolve(path).config
    assert (config.kind == "smoke") == (path.stem == "smoke_test")
    assert (config.cache.dir == "cache/smoke") == (config.kind == "smoke")
    # few validation seizures are no reason to leave the recipe; hundreds may be
    fitted = ("min_duration_s", "merge_s") if config.kind == "full" else ()
    assert (config.postprocessing.threshold, config.postprocessing.lengths_to_fit) == ("fit", fitted)
    if config.kind == "full":
        assert config.data.release


def test_the_full_runs_know_both_copies_of_tusz():
    for name in ("tusz_train_a100", "tusz_train_local"):
        expect = resolve(ROOT / f"configs/{name}.yaml").config.expect
        assert (expect["tusz-4667"].train, expect["tusz-4667"].val) == (3734, 933)
        assert expect["tusz-4664"].train + expect["tusz-4664"].val == 4664


@pytest.mark.parametrize(("text", "value"), [("on", "on"), ("off", "off"), ("auto", "auto"), ("'on'", "on")])
def test_words_that_yaml_reads_as_booleans_are_the_words(write, text, value):
    assert resolve(write(), [f"training.compile={text}"]).config.training.compile == value
    written = TEXT.replace("steps: 400", f"compile: {text}")
    assert resolve(write(written)).config.training.compile == value


def test_the_size_of_a_holdout_is_taken_with_the_split_that_has_one(write):
    resolved = resolve(write(), ["data.split=holdout,data.holdout_val_files=9"])
    assert resolved.config.data.holdout_val_files == 9
