"""The Modal app's files: what they pin is what is locked, and importing the app needs nothing but modal."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import modal
import pytest

from seizure.errors import SeizureError

ROOT = Path(__file__).parents[3]
MODAL = ROOT / "deploy/modal"


def pins(path: Path) -> set[tuple[str, str]]:
    """Names and versions; a lock for several Pythons may name a package twice."""
    return set(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([\w.]+)", path.read_text(), re.MULTILINE))


def test_the_image_has_the_versions_that_are_locked():
    locked, image = pins(ROOT / "requirements.lock"), pins(MODAL / "requirements.txt")
    assert image <= locked
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    asked = [one for name in ("training", "seizure") for one in groups[name] if isinstance(one, str)]
    wanted = {re.split(r"[>=<\[]", requirement)[0] for requirement in asked}
    assert wanted <= {name for name, _ in image}, "every package of the pipeline's group"


def test_one_version_of_pytorch_everywhere():
    texts = {
        "app": (MODAL / "app.py").read_text(),
        "set-up": (ROOT / "scripts/setup.py").read_text(),
        "command": (ROOT / "src/training_kit/commands.py").read_text(),
    }
    found = {name: set(re.findall(r"(?:torch==|TORCH = \")(\d[\d.]*)", text)) for name, text in texts.items()}
    assert found == {"app": {"2.13.0"}, "set-up": {"2.13.0"}, "command": {"2.13.0"}}


def test_the_app_imports_only_modal_and_the_standard_library_at_its_top():
    tree = ast.parse((MODAL / "app.py").read_text())
    imported = {
        (name.name if isinstance(node, ast.Import) else str(node.module)).partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported - set(sys.stdlib_module_names) == {"modal"}


def test_the_pipeline_does_not_know_homeport():
    for path in (ROOT / "src/seizure").rglob("*.py"):
        assert not re.search(r"^\s*(?:from|import) homeport", path.read_text(), re.MULTILINE), path


@pytest.mark.parametrize(
    ("change", "shows"),
    [
        ("", "Volume\n"),
        ('source = "bucket"|bucket = "tusz"', "CloudBucketMount\n"),
        ('source = "bucket"', "error: settings.toml: data.source should be"),
        ('source = "ftp"', "error: settings.toml: data.source should be"),
        ('bucket = "tusz"', "error: settings.toml: data.bucket is named"),
    ],
)
def test_the_data_is_a_volume_or_a_bucket_as_the_settings_say(change: str, shows: str, tmp_path: Path):
    place = tmp_path / "deploy/modal"
    place.mkdir(parents=True)
    for name in ("app.py", "requirements.txt"):
        (place / name).write_text((MODAL / name).read_text())
    settings = (MODAL / "settings.toml").read_text()
    for line in filter(None, change.split("|")):
        name = line.partition(" ")[0]
        settings = re.sub(rf"^{name} = .*$", line, settings, flags=re.MULTILINE)
    (place / "settings.toml").write_text(settings)
    code = "import runpy; names = runpy.run_path('app.py'); print(type(names['data']()).__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
    # not somewhere in it: a traceback quotes lines of the app that have these words too
    assert (done.stderr if shows.startswith("error") else done.stdout).startswith(shows)
    assert (done.returncode == 0) == (not shows.startswith("error"))


def test_the_default_configuration_is_the_full_run():
    tree = ast.parse((MODAL / "app.py").read_text())
    train = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "train")
    defaults = [ast.literal_eval(default) for default in train.args.defaults]
    assert defaults == ["configs/tusz_train_a100.yaml", False, None, ""]


def test_verify_modal_is_skipped_by_name_without_a_token():
    script = [sys.executable, str(ROOT / "scripts/verify_modal.py")]
    done = subprocess.run(script, env={"PATH": "/bin"}, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("verify-modal: skipped: no MODAL_TOKEN_ID")


@pytest.mark.parametrize("arguments", [["--her"], ["here"], ["--here", "--set"]])
def test_verify_modal_refuses_what_it_does_not_know(arguments: list[str]):
    script = [sys.executable, str(ROOT / "scripts/verify_modal.py"), *arguments]
    done = subprocess.run(script, env={"PATH": "/bin"}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "usage: python scripts/verify_modal.py [--here]\n"


class FakeVolume:
    """Counts commits; stands in for both Volumes."""

    commits = 0

    def with_mount_options(self, **_: object) -> "FakeVolume":
        return self

    def commit(self) -> None:
        FakeVolume.commits += 1


@pytest.fixture
def train_function(monkeypatch):
    """(what the app's `train` runs, the options that it is deployed with)."""
    monkeypatch.setattr(modal.Volume, "from_name", lambda *_, **__: FakeVolume())
    monkeypatch.setattr(modal.App, "function", lambda _, **options: lambda run: (run, options))
    monkeypatch.setattr(FakeVolume, "commits", 0)
    spec = importlib.util.spec_from_file_location("app_under_test", MODAL / "app.py")
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    return app.train


def test_attempts_of_a_day_make_more_than_a_hundred_hours(train_function):
    """A job of 100 hours once had a timeout of 24, and no retry."""
    _, options = train_function
    assert options["timeout"] <= 24 * 3600, "Modal allows no more"
    assert options["timeout"] * (options["retries"].max_retries + 1) >= 2 * 100 * 3600
    assert isinstance(options["volumes"]["/results"], FakeVolume)


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_every_checkpoint_and_every_end_are_committed(train_function, monkeypatch, ends):
    run, options = train_function
    seen = {}

    def launch(resolved, **given):
        seen.update(given)
        given["on_checkpoint"]()
        assert FakeVolume.commits == 1
        if ends == "badly":
            raise SeizureError("the disk is full")
        return 0

    monkeypatch.setattr("seizure.launch.launch", launch)
    if ends == "well":
        run(str(ROOT / "configs/smoke_test.yaml"))
    else:
        with pytest.raises(RuntimeError, match="ended with status 1"):
            run(str(ROOT / "configs/smoke_test.yaml"))
    assert FakeVolume.commits == 2
    assert 0 < seen["limit_s"] < options["timeout"], "time to end by itself, and commit, before it is ended"
