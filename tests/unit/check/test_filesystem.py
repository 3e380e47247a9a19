"""What is in a function's container, by the steps of its image and the app's own place."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from homeport.check.facts import (
    App,
    Container,
    FoundModule,
    Function,
    Image,
    MissingModule,
    Module,
    Placed,
    Secret,
    Step,
    UnprovenModule,
    Volume,
)
from homeport.check.filesystem import lay_out
from homeport.check.values import Site, Unknown

SITE = Site(Path("app.py"), 1)


def step(method: str, *args: Any, **options: Any) -> Step:
    return Step(method, args, options, SITE)


class World:
    """A launcher's folder, and containers of an app in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("app.py")

    def write(self, name: str, text: str = "") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def container(
        self,
        *steps: Step | Unknown,
        entry: str = "app.py",
        name: str = "",
        as_module: bool = False,
        python: str = "3.11",
        secrets: tuple[Secret | Unknown, ...] = (),
        volumes: Mapping[str, Volume | Unknown] | None = None,
        base: Step | None = None,
        **options: Any,
    ) -> Container:
        path = self.folder / entry
        module = Module(path, name or path.stem, "", ast.Module([], []))
        node = ast.parse("def f(): pass").body[0]
        assert isinstance(node, ast.FunctionDef)
        image = Image((base or step("debian_slim", python_version=python), *steps), SITE)
        function = Function(
            "f", "function", module, node, SITE, (), options, {}, image, volumes or {}, secrets
        )
        app = App("app", SITE, {}, (function,), "static")
        return lay_out(function, app, module, folder=self.folder, as_module=as_module, launcher_python=python)

    def based(self, base: Step, *steps: Step | Unknown, **options: Any) -> Container:
        """Of an image that begins otherwise."""
        return self.container(*steps, base=base, **options)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def resolve(container: Container, module: str, *more: str) -> object:
    return container.find(module, (*more, *container.search_path))


def test_the_entry_file_lies_in_root_and_alone(world: World) -> None:
    world.write("helper.py")
    container = world.container()
    found = container.at("/root/app.py")
    assert isinstance(found, Placed)
    assert (found.kind, found.origin, found.source) == ("file", "entry", world.folder / "app.py")
    assert container.at("/root/helper.py") is None
    assert resolve(container, "app") == FoundModule("/root/app.py", world.folder / "app.py")
    missing = resolve(container, "helper")
    assert isinstance(missing, MissingModule)
    assert missing.nearest_launcher == (world.folder / "helper.py",)


def test_run_as_a_module_ships_its_whole_package_with_its_data(world: World) -> None:
    for name in ("pkg/__init__.py", "pkg/app.py", "pkg/data.json", "pkg/.hidden", "pkg/__pycache__/a.pyc"):
        world.write(name)
    world.write("other.py")
    container = world.container(entry="pkg/app.py", name="pkg.app", as_module=True)
    shipped = sorted(str(placed.path) for placed in container.below("/root"))
    assert shipped == ["/root/pkg/__init__.py", "/root/pkg/app.py", "/root/pkg/data.json"]
    assert resolve(container, "pkg.app") == FoundModule("/root/pkg/app.py", world.folder / "pkg/app.py")
    assert isinstance(resolve(container, "other"), MissingModule)


def test_a_file_of_a_package_that_is_run_as_a_file_goes_alone(world: World) -> None:
    for name in ("pkg/__init__.py", "pkg/app.py", "pkg/model.py"):
        world.write(name)
    container = world.container(entry="pkg/app.py")
    assert [str(placed.path) for placed in container.below("/")] == ["/root/app.py"]
    assert isinstance(resolve(container, "pkg.model"), MissingModule)


def test_include_source_false_ships_nothing(world: World) -> None:
    assert list(world.container(include_source=False).below("/")) == []


def test_a_file_in_app_is_no_module_until_its_folder_is_on_the_path(world: World) -> None:
    """The second seed's fault: files in /app, /app/src on the path."""
    source = world.write("src/dataset.py")
    container = world.container(step("add_local_file", str(source), "/app/dataset.py"))
    missing = resolve(container, "dataset", "/app/src")
    assert isinstance(missing, MissingModule)
    assert missing.nearest_container == ("/app/dataset.py",)
    assert container.at("/app/src") is None
    assert resolve(container, "dataset", "/app") == FoundModule("/app/dataset.py", source)


def test_python_source_is_py_files_only(world: World) -> None:
    for name in ("kit/__init__.py", "kit/a.py", "kit/page.html", "kit/deep/b.py"):
        world.write(name)
    container = world.container(step("add_local_python_source", "kit"))
    assert container.at("/root/kit/page.html") is None
    assert isinstance(resolve(container, "kit.a"), FoundModule)
    assert resolve(container, "kit.deep") == FoundModule(
        "/root/kit/deep", world.folder / "kit/deep", is_namespace=True
    )
    assert isinstance(resolve(container, "kit.missing"), MissingModule)


def test_a_folder_that_only_holds_ignored_files_is_not_there(world: World) -> None:
    world.write("data/a/x.txt")
    world.write("data/b/x.csv")
    container = world.container(step("add_local_dir", "data", "/data", ignore=("**/*.csv",)))
    assert isinstance(container.at("/data/a"), Placed)
    assert container.at("/data/b") is None
    assert container.at("/data/b/x.csv") is None


def test_an_ignore_function_leaves_files_unknown(world: World) -> None:
    world.write("data/a.txt")
    container = world.container(step("add_local_dir", "data", "/data", ignore=Unknown("it is a function")))
    assert isinstance(container.at("/data/a.txt"), Unknown)
    assert container.at("/data/b.txt") is None


def test_relative_paths_stand_below_the_working_folder(world: World) -> None:
    world.write("c.yaml")
    container = world.container(step("workdir", "/app"), step("add_local_file", "c.yaml", "/app/"))
    assert container.workdir == "/app"
    assert isinstance(container.at("c.yaml"), Placed)
    assert isinstance(container.at("/app"), Placed)
    assert container.search_path == ("/root", "/pkg")  # the working folder is not on it


def test_pythonpath_goes_first(world: World) -> None:
    container = world.container(step("env", {"PYTHONPATH": "/app:/lib2"}))
    assert container.search_path == ("/app", "/lib2", "/root", "/pkg")


def test_packages_and_what_they_bring(world: World) -> None:
    container = world.container(step("pip_install", "scikit-learn==1.7.2", "PyYAML"))
    for module in ("sklearn.linear_model", "yaml", "numpy", "scipy.signal", "joblib", "json", "modal"):
        assert isinstance(resolve(container, module), FoundModule), module
    missing = resolve(container, "pandas")
    assert isinstance(missing, MissingModule)
    assert missing.distribution == "pandas"
    assert container.is_installed("scikit_learn") is True
    assert container.is_installed("pandas") is False


def test_what_an_unknown_distribution_brings_is_not_proved(world: World) -> None:
    container = world.container(step("pip_install", "no-such-distribution-of-ours"))
    assert isinstance(resolve(container, "no_such_distribution_of_ours"), FoundModule)
    unproven = resolve(container, "pandas")
    assert isinstance(unproven, UnprovenModule)
    assert "no-such-distribution-of-ours" in unproven.why


def test_the_clients_own_dependencies_are_there_by_accident(world: World) -> None:
    found = resolve(world.container(), "aiohttp.web")
    assert isinstance(found, FoundModule)
    assert found.where == "Modal's client"
    assert isinstance(resolve(world.container(), "rich"), MissingModule)


def test_the_standard_library_is_that_of_the_containers_python(world: World) -> None:
    assert isinstance(resolve(world.container(), "tomllib"), FoundModule)
    assert isinstance(resolve(world.container(python="3.10"), "tomllib"), MissingModule)
    assert isinstance(resolve(world.container(python="3.12"), "imp"), MissingModule)


def test_a_registry_image_is_not_known(world: World) -> None:
    container = world.based(step("from_registry", "pytorch/pytorch:2.4.0"))
    assert isinstance(resolve(container, "torch"), FoundModule)
    assert isinstance(resolve(container, "pandas"), UnprovenModule)
    assert isinstance(container.at("/workspace/x"), Unknown)


def test_later_variables_win_and_keep_their_origin(world: World) -> None:
    first = Secret("from_dict", ({"A": "1", "B": "1"},), {}, SITE)
    second = Secret("from_name", ("mine",), {"required_keys": ("C",)}, SITE)
    container = world.container(
        step("env", {"A": "image", "D": "image"}), secrets=(first, second), env={"B": "2"}
    )
    origins = {name: origin for name, (_, origin, _) in container.environment.items()}
    assert origins["A"] == "secret from_dict"
    assert origins["B"] == "env="
    assert origins["C"] == "secret mine"
    assert origins["D"] == "image"
    assert origins["MODAL_TASK_ID"] == "platform"
    assert container.has_unknown_secrets


def test_a_volume_hides_what_it_holds(world: World) -> None:
    volume = Volume("Volume", "results", {}, SITE)
    container = world.container(volumes={"/results": volume})
    found = container.at("/results")
    assert isinstance(found, Placed)
    assert found.origin == "volume"
    assert isinstance(container.at("/results/model.pt"), Unknown)


def test_a_library_goes_before_a_folder_of_its_name_without_init(world: World) -> None:
    world.write("project/models/orders.py")
    world.write("src/model.py")
    for name in ("project", "src"):
        world.write(f"{name}/settings.yml")
    shipped = step("add_local_dir", str(world.folder / "project"), "/root/sklearn")
    container = world.container(step("pip_install", "scikit-learn==1.7.2"), shipped)
    found = resolve(container, "sklearn.linear_model")
    assert isinstance(found, FoundModule) and found.kind == "distribution"
    perhaps = world.container(
        step("pip_install", "no-such-distribution-of-ours"),
        step("add_local_dir", str(world.folder / "project"), "/root/dbt"),
        step("add_local_dir", str(world.folder / "src"), "/root/src"),
    )
    assert isinstance(resolve(perhaps, "dbt.cli"), UnprovenModule)
    for module in ("dbt.models", "src.model"):
        assert isinstance(resolve(perhaps, module), FoundModule), module


def test_a_data_set_is_not_listed_whole(world: World) -> None:
    for number in range(1200):
        world.write(f"data/many/{number}.txt")
    world.write("data/then/last.txt")
    container = world.container(step("add_local_dir", "data", "/data"))
    listed = [str(placed.path) for placed in container.below("/data")]
    assert len(listed) == 1001
    assert "/data/then/last.txt" in listed
    assert all(container.at(f"/data/many/{number}.txt") for number in (0, 777, 1199))


def test_a_mount_point_that_is_not_known_hides_nothing_that_is_shipped(world: World) -> None:
    container = world.container(volumes={"": Volume("Volume", "x", {}, SITE)})
    assert isinstance(container.at("/root/app.py"), Placed)
    assert isinstance(container.at("/anything"), Unknown)
    shared = world.container(network_file_systems={"/nfs": Unknown("it is made up")})
    assert isinstance(shared.at("/nfs/x"), Unknown)
