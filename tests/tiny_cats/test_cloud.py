"""The Modal apps: what goes into the container, for how long, and what is done however a run ends."""

import ast
import importlib.util
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import modal
import pytest

from tiny_cats import cloud

ROOT = Path(__file__).parents[2]
APPS = {"train": "train_on_gpu", "train_dit": "train_dit_on_gpu"}


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"{name}_under_test", ROOT / f"src/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", ["src/train.py", "src/train_dit.py", "src/tiny_cats/cloud.py"])
def test_only_modal_and_the_standard_library_are_needed_where_it_is_typed(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    imported = {
        (name.name if isinstance(node, ast.Import) else str(node.module)).partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported - set(sys.stdlib_module_names) <= {"modal", "tiny_cats"}


def test_no_file_of_the_package_edits_the_path() -> None:
    for path in [*(ROOT / "src/tiny_cats").rglob("*.py"), *(ROOT / "src").glob("train*.py")]:
        assert "sys.path" not in re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL), path


def test_no_program_is_called_that_an_image_may_lack() -> None:
    """`wget: command not found` was how the predecessor's first download ended."""
    for path in [*(ROOT / "src/tiny_cats").rglob("*.py"), *(ROOT / "src").glob("train*.py")]:
        assert not re.search(r"\b(subprocess|os\.system|os\.popen|wget|curl)\b", path.read_text()), path


def test_the_image_has_the_packages_of_its_group_and_one_version_of_pytorch() -> None:
    locked = set(
        re.findall(r"^([a-z0-9][a-z0-9._-]*)==", (ROOT / "deploy/cats/requirements.txt").read_text(), re.M)
    )
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    asked = [one for name in ("training", "cats") for one in groups[name] if isinstance(one, str)]
    assert {re.split(r"[>=<\[]", one)[0] for one in asked} <= locked
    assert f'TORCH = "{cloud.TORCH.partition("==")[2]}"' in (ROOT / "scripts/setup.py").read_text()
    assert not locked & {"torch", "torchvision", "timm"}


def test_templates_are_shipped_and_bytecode_is_not() -> None:
    """Bytecode that another process wrote while it was shipped once ended a run before it began."""
    is_left_out = modal.FilePatternMatcher(*cloud.NOT_SHIPPED)
    shipped = {path.suffix for path in (ROOT / "src/training_kit").rglob("*.*") if not is_left_out(path)}
    assert ".py" in shipped and ".pyc" not in shipped and len(shipped) > 1
    assert is_left_out(Path("/x/src/tiny_cats/commands/__pycache__/train.cpython-311.pyc"))


def test_pytorch_comes_before_the_packages_and_the_code_last() -> None:
    """Code before dependencies cost the predecessor a rebuild of all at every change."""
    tree = ast.parse((ROOT / "src/tiny_cats/cloud.py").read_text())
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "image")
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    calls.sort(key=lambda call: (call.end_lineno, call.end_col_offset))
    steps = [call.func.attr for call in calls if isinstance(call.func, ast.Attribute)]
    assert [step for step in steps if step.startswith(("uv_", "debian", "add_"))] == [
        "debian_slim", *["uv_pip_install"] * 4, "add_local_python_source", "add_local_dir", "add_local_file",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["modal", "run", "src/train.py"], True),
        (["run", "src/train.py", "--config-path", "configs/classifier_smoke.yaml"], False),
        (["run", "src/train.py", "--config-path=configs/classifier.yaml"], True),
        (
            [
                "run",
                "src/train.py",
                "--config-path=configs/classifier_smoke.yaml",
                "--set",
                "model.weights=imagenet",
            ],
            True,
        ),
        (["run", "src/train.py::check_imports"], False),
        (["deploy", "src/train.py"], True),
    ],
)
def test_only_a_run_from_timm_s_weights_has_timm_in_its_image(words, wanted, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    assert cloud.wants_pretrained("configs/classifier.yaml", words) is wanted


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("configs/clasifier.yaml", "error: configs/clasifier.yaml: no such file; .*classifier_smoke.yaml"),
        ("pyproject.toml", "error: pyproject.toml: only files below .*configs get into the container"),
    ],
)
def test_a_configuration_that_the_container_would_lack_is_refused_before_anything_is_built(
    name, says
) -> None:
    cloud.check_config("configs/classifier.yaml", ["run", "src/train.py"])
    cloud.check_config("configs/classifier.yaml", ["--config-path", "configs/classifier_smoke.yaml"])
    with pytest.raises(SystemExit, match=says):
        cloud.check_config("configs/classifier.yaml", ["--config-path", name])


@pytest.mark.parametrize("name", APPS)
def test_the_apps_can_be_launched_from_anywhere(name: str, tmp_path: Path) -> None:
    command = [Path(sys.executable).parent / "modal", "run", ROOT / f"src/{name}.py", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "--config-path" in done.stdout, done.stderr


def test_an_old_client_is_refused_in_a_sentence() -> None:
    cloud.refuse_old_client(cloud.LEAST_CLIENT)
    cloud.refuse_old_client("1.10.0")
    with pytest.raises(SystemExit, match=r"error: modal 1\.4\.2 is too old .*modal>=1\.4\.3"):
        cloud.refuse_old_client("1.4.2")


@pytest.mark.parametrize("name", APPS)
def test_a_second_set_is_refused(name: str) -> None:
    command = [sys.executable, f"src/{name}.py", "--set", "a.b=1", "--set=c.d=2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: --set stands twice")


class FakeVolume:
    commits = 0

    def commit(self) -> None:
        self.commits += 1

    def with_mount_options(self, **_: object) -> "FakeVolume":
        return self


@pytest.fixture(params=APPS)
def function(request, monkeypatch):
    """(what the training function runs, the options that it has, the Volume that it commits)."""
    volume = FakeVolume()
    monkeypatch.setattr(modal.Volume, "from_name", lambda *_, **__: volume)
    monkeypatch.setattr(modal.App, "function", lambda _, **options: lambda run: (run, options))
    monkeypatch.setattr(modal.App, "local_entrypoint", lambda _: lambda run: run)
    monkeypatch.chdir(ROOT)
    return *getattr(load(request.param), APPS[request.param]), volume


def test_attempts_of_a_day_are_followed_by_others(function) -> None:
    """Retries without resume, a limit of an hour, and a run of a day: all three were the predecessor's."""
    _, options, _ = function
    assert options["timeout"] == 24 * 3600 and options["retries"].max_retries >= 2
    assert set(options["volumes"]) == {"/data", "/outputs"}


@pytest.mark.parametrize("ends", ["well", "badly", "by a mistake"])
def test_resume_is_passed_on_and_every_checkpoint_and_end_is_committed(function, ends, monkeypatch) -> None:
    run, options, volume = function
    seen = {}

    def start(kind, resolved, **given):
        seen.update(given, kind=kind, resolved=resolved)
        given["on_checkpoint"]()
        if ends == "by a mistake":
            raise ZeroDivisionError
        return {"well": 0, "badly": 75}[ends]

    monkeypatch.setattr("tiny_cats.run.start", start)
    wrong = {"badly": RuntimeError, "by a mistake": ZeroDivisionError}.get(ends)
    config = "configs/tinydit_smoke.yaml" if "dit" in run.__name__ else "configs/classifier_smoke.yaml"
    arguments = (config, True, 7, "training.batch_size=8,training.seed=3")
    if wrong:
        with pytest.raises(wrong):
            run(*arguments)
    else:
        run(*arguments)
    assert volume.commits == 2
    assert seen["resume"] is True and seen["max_steps"] == 7 and seen["limit_s"] < options["timeout"]
    assert seen["resolved"].config.training.batch_size == 8
    assert (seen["data_dir"], seen["results_dir"]) == (Path("/data"), Path("/outputs"))


def test_a_relative_data_folder_lies_below_the_mount(tmp_path) -> None:
    """`data/cats` against the mount `/data/cats`: data.root is below --data DIR, which is /data there."""
    from tiny_cats.config import resolve_dit

    for path in (ROOT / "configs").glob("tinydit*.yaml"):
        root = resolve_dit(path).config.data.root
        assert not root.startswith(("/", "data")), path


@pytest.mark.parametrize("name", APPS)
def test_nothing_depends_on_the_launching_machine_while_it_runs(name: str) -> None:
    """A laptop that slept ended the predecessor's run: spawned calls outlive their caller under --detach."""
    tree = ast.parse((ROOT / f"src/{name}.py").read_text())
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    called = {node.attr for node in ast.walk(main) if isinstance(node, ast.Attribute)}
    assert "spawn" in called and "remote" not in called


@pytest.mark.parametrize("page", ["README.md", "docs/cats.md", "docs/modal-cloud.md"])
def test_the_docs_type_only_options_that_there_are(page: str) -> None:
    typed = re.findall(
        r"modal run (?:--detach )?(src/train(?:_dit)?\.py)(\S*) ?(.*)$", (ROOT / page).read_text(), re.M
    )
    assert typed
    for app, function, words in typed:
        main = load(Path(app).stem).main.info.raw_f
        known = {"--" + name.replace("_", "-") for name in inspect.signature(main).parameters} | {
            "--help",
            "--detach",
        }
        assert set(re.findall(r"--[a-z-]+", words)) <= known, (app, words)
        assert function in ("", "::check_imports")


@pytest.mark.parametrize("fails_at", [None, 0, 1])
def test_verify_modal_types_the_imports_and_the_smoke_run_of_each_app(fails_at, monkeypatch) -> None:
    spec = importlib.util.spec_from_file_location("verify_modal_under_test", ROOT / "scripts/verify_modal.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for app, arguments in script.CATS.items():
        typed: list[list[str]] = []

        def run(words, typed=typed, **_):
            typed.append([str(word) for word in words[1:]])
            return subprocess.CompletedProcess(words, int(len(typed) - 1 == fails_at))

        monkeypatch.setattr(script.subprocess, "run", run)
        assert script.verify_cats(app, arguments, {}) is (fails_at is None)
        asked = [["run", f"{app}::check_imports"], ["run", "--detach", app, *arguments]]
        assert typed == asked[: 2 if fails_at is None else fails_at + 1]
    assert {Path(app).stem for app in script.CATS} == set(APPS)
