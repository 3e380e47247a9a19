"""What an image that is built has installed, as its layers show it."""

from pathlib import Path

import pytest

from homeport.check.container.built import Definition, definitions
from homeport.check.container.packages import Packages
from homeport.check.container.requirements import read_requirement
from homeport.check.container.site_packages import SitePackages
from homeport.check.facts import FoundModule, Image, UnprovenModule
from homeport.check.values import Unknown
from homeport.cli.check_layers import _follows, _length
from tests.unit.check.test_filesystem import SITE, step


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return folder


@pytest.fixture
def built(tmp_path: Path) -> SitePackages:
    top = tree(
        tmp_path / "top",
        "yaml/__init__.py",
        "PyYAML-6.0.dist-info/METADATA",
        "google/cloud/storage/__init__.py",
    )
    below = tree(
        tmp_path / "below", "six.py", "google/protobuf/__init__.py", "_cffi.cpython-311-x86_64-linux-gnu.so"
    )
    return SitePackages((top, below, tmp_path / "none"))


def test_modules_of_all_layers(built: SitePackages) -> None:
    for module in (
        "yaml.anything",
        "six",
        "six.moves",
        "_cffi",
        "google",
        "google.cloud.storage",
        "google.protobuf.x",
    ):
        assert built.find(module), module
    for module in ("numpy", "google.auth", "google.cloud.bigquery", "cpython"):
        assert built.find(module) is None, module
    assert built.is_installed("pyyaml")
    assert not built.is_installed("six")


def test_a_path_file_leads_elsewhere(tmp_path: Path) -> None:
    folder = tree(tmp_path, "distutils-precedence.pth")
    (folder / "distutils-precedence.pth").write_text("import os; x = 1\n")
    assert not SitePackages((folder,)).leads_elsewhere
    (folder / "own.pth").write_text("# mine\n/app/src\n")
    assert SitePackages((folder,)).leads_elsewhere


def test_layers_are_asked_for_what_requirements_do_not_tell(built: SitePackages) -> None:
    asked = []

    def look_up() -> SitePackages:
        asked.append(True)
        return built

    packages = Packages("3.11", look_up=look_up)
    for text in ("pyyaml", "wandb"):
        packages.install(read_requirement(text))
    assert isinstance(packages.find("yaml"), FoundModule)
    assert not asked
    assert isinstance(packages.find("six"), FoundModule)
    assert packages.find("toml") is None
    assert asked == [True]
    without = Packages("3.11", packages.requirements)
    assert isinstance(without.find("toml"), UnprovenModule)


def test_definitions_as_the_client_writes_them(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("numpy\n")
    image = Image(
        (
            step("debian_slim", python_version="3.11"),
            step("pip_install", "torch", ("b", "a>=1"), extra_index_url="https://x.example/w", pre=True),
            step("uv_pip_install", "x[y]", requirements=("r.txt",), extra_options="--no-deps"),
            step("run_commands", "echo 1", ("ls",)),
            step("env", {"A": "b c"}),
            step("workdir", "/a b"),
            step("add_local_file", "x", "/x"),
        ),
        SITE,
    )
    found = definitions(image, tmp_path, "3.11")
    assert found is not None
    assert [definition.commands[1:] for definition in found[1:]] == [
        ("RUN python -m pip install 'a>=1' b torch --extra-index-url https://x.example/w --pre",),
        (
            "COPY --from=ghcr.io/astral-sh/uv:latest /uv /.uv/uv",
            "COPY /.0_r.txt /.uv/0/r.txt",
            "RUN /.uv/uv pip install --python $(command -v python) --compile-bytecode --no-deps "
            "--requirements /.uv/0/r.txt 'x[y]'",
        ),
        ("RUN echo 1", "RUN ls"),
        ("ENV A='b c'",),
        ("WORKDIR '/a b'",),
    ]
    assert found[2].files == (b"numpy\n",)


def test_an_image_that_cannot_be_told_is_not_looked_for(tmp_path: Path) -> None:
    for more in (
        step("run_function", "f"),
        step("pip_install", Unknown("it is made up")),
        step("pip_install_from_requirements", "none.txt"),
        step("add_local_dir", "x", "/x", copy=True),
        Unknown("it is made up"),
    ):
        assert definitions(Image((step("debian_slim"), more), SITE), tmp_path, "3.11") is None
    assert definitions(Image((step("from_registry", "x"),), SITE), tmp_path, "3.11") is None


def test_a_definition_is_found_whole_or_not_at_all() -> None:
    def stored(*commands: str) -> bytes:
        texts = b"".join(b"\x32" + _length(text.encode()) + text.encode() for text in commands)
        return b"*!\n\x19im-1\x12\x04base" + texts + b"\x82\x01\x00"

    wanted = Definition(("FROM base", "RUN a" * 30))
    assert _follows(stored("FROM base", "RUN a" * 30), {b"im-1"}, wanted)
    assert not _follows(stored("FROM base", "RUN a" * 30, "RUN b"), {b"im-1"}, wanted)
    assert not _follows(stored("FROM base", "RUN a" * 29), {b"im-1"}, wanted)
    assert not _follows(stored("FROM base", "RUN a" * 30), {b"im-2"}, wanted)
