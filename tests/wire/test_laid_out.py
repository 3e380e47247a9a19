"""A container as the preflight lays it out is the container that starts: files, modules, path, variables."""

import json
from pathlib import Path

import pytest

from homeport.check.container.built import definitions
from homeport.check.container.site_packages import SitePackages
from homeport.check.facts import App, Container, FoundModule, Function, Module, Placed
from homeport.check.filesystem import lay_out
from homeport.check.reading import read_app
from homeport.check.source import Sources
from homeport.check.values import Unknown
from homeport.cli.check_layers import HomeLayers
from homeport.model.home import Home

APP = """
    import importlib.util
    import json
    import os
    import sys

    import modal

    PATH = list(sys.path)
    HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) if modal.is_local() else "/nowhere"
    ONLY_PYTHON = ~modal.FilePatternMatcher("**/*.py")

    app = modal.App("wire-laid-out")
    given = modal.Secret.from_dict({"A": "secret", "B": "secret", "N": None})
    dotenv = modal.Secret.from_dotenv(HERE) if modal.is_local() else modal.Secret.from_dict({})
    image = (
        modal.Image.debian_slim(python_version="3.11")
        .env({"A": "image", "PYTHONPATH": "/srcs:/nothing", "D": "$A x"})
        .workdir("/app/work")
        .dockerfile_commands(
            [
                "COPY conf /app/conf",
                "COPY data/one.txt data/two.csv /app/copied/",
                "COPY data /app/data/",
                "COPY data/one.txt /app/renamed.txt",
                "COPY src/*.py ./here/",
                'ENV E=hello F="$A there"',
                "RUN mkdir -p /made/by/run",
            ],
            context_dir=HERE,
        )
        .run_commands("mkdir -p /made/twice && cd /made && mkdir inside")
        .add_local_dir(f"{HERE}/data", "/data", ignore=["**/*.csv", "deep"])
        .add_local_dir(f"{HERE}/src", "/srcs", ignore=ONLY_PYTHON)
        .add_local_file(f"{HERE}/conf/c.yaml", "/app/work/")
        .add_local_python_source("other", "single")
        .add_local_dir(f"{HERE}/shadow", "/root")
    )


    @app.function(image=image, secrets=[given, dotenv], env={"B": "function"})
    def look(modules):
        tops = ("/root", "/app", "/data", "/srcs", "/made")
        walked = [(place, names) for top in tops for place, _, names in os.walk(top) if "__py" not in place]
        found = {}
        for name in modules:
            try:
                spec = importlib.util.find_spec(name)
            except ImportError:
                spec = None
            found[name] = spec and (spec.origin or list(spec.submodule_search_locations)[0])
        return {
            "files": [f"{place}/{name}" for place, names in walked for name in names],
            "folders": [place for place, _ in walked],
            "modules": found,
            "path": PATH,
            "folder": os.getcwd(),
            "environment": dict(os.environ),
        }


    packages = (
        modal.Image.debian_slim(python_version="3.11")
        .env({"A": "a b", "B": "$A"})
        .uv_pip_install("iniconfig==2.1.0", requirements=[f"{HERE}/r.txt"])
        .run_commands("true", "echo 'x y'")
        .workdir("/w")
        .pip_install("six==1.17.0", extra_options="--no-deps")
        .add_local_file(f"{HERE}/single.py", "/root/single.py")
    )


    @app.function(image=packages)
    def installed():
        pass


    @app.local_entrypoint()
    def main(modules: str):
        print("LOOKED " + json.dumps(look.remote(modules.split(","))))  # all images are built for it
    """

FILES = """
pkg/__init__.py pkg/sub/mod.py pkg/data.bin pkg/.hidden data/one.txt data/two.csv data/deep/three.txt src/a.py
src/b.txt src/inner/c.py conf/c.yaml conf/.dotted other/__init__.py other/m.py other/page.html other/.x/z.py
single.py shadow/queue.py shadow/yaml.py
"""
MODULES = """
pkg pkg.app pkg.sub pkg.sub.mod app other other.m other.x single a inner inner.c b yaml queue conf sub json
imp distutils tomllib asyncore setuptools pip google google.protobuf attr rich numpy modal wheel winreg
"""


@pytest.mark.once_as("user")
@pytest.mark.parametrize("as_module", [False, True], ids=["file", "module"])
def test_the_container_is_as_it_was_laid_out(modal, write, folder, engine, as_module):
    for name in FILES.split():
        write(name, "\n")
    write("r.txt", "pluggy==1.6.0\n")
    write(".env", 'DOT=1\nexport DOT2="x y"\n# NO=1\nEMPTY=\n')
    write("pkg/app.py", APP)
    (folder / "src/linked").symlink_to("../data/deep")
    (folder / "conf/linked.txt").symlink_to("../data/one.txt")

    what = ("-m", "pkg.app") if as_module else ("pkg/app.py",)
    said = modal("run", *what, "--modules", ",".join(MODULES.split()), timeout_s=400)
    real = json.loads(next(line for line in said.lines if line.startswith("LOOKED ")).removeprefix("LOOKED "))
    laid = container(folder, as_module)

    assert laid.workdir == real["folder"]
    assert list(laid.search_path) == real["path"][: len(laid.search_path)]
    tops = ("/root", "/app", "/data", "/srcs", "/made")
    own = {str(placed.path) for top in tops for placed in laid.below(top)}
    assert own == {name for name in real["files"] if not name.startswith("/root/.")}
    for path in real["files"]:
        assert laid.at(path) is not None
    for path in real["folders"]:
        placed = laid.at(path)
        assert isinstance(placed, Placed), path
        assert placed.kind == "folder"
    for path in (
        "/app/nothing",
        "/root/nothing.py",
        "/data/deep",
        "/data/two.csv",
        "/srcs/b.txt",
        "/srcs/linked",
    ):
        assert laid.at(path) is None
        assert path not in real["files"] + real["folders"]
    for module, origin in real["modules"].items():
        found = laid.find(module, laid.search_path)
        assert isinstance(found, FoundModule) == (origin is not None), (module, found)
        if origin is not None and isinstance(found, FoundModule) and found.kind == "shipped":
            assert found.where == origin
    for name, value in real["environment"].items():
        given = laid.environment[name][0]
        assert isinstance(given, Unknown) or given == value, name
    assert set(laid.environment) == set(real["environment"])

    image = function_of(folder, as_module, "installed")[0].image
    chain = definitions(image, folder, "3.11")
    assert chain is not None
    folders = HomeLayers(Home(engine.home)).site_packages(chain, "3.11")
    for module in ("iniconfig", "pluggy", "six", "pip"):
        assert SitePackages(folders).find(module), module
    assert not SitePackages(folders).find("numpy")
    assert HomeLayers(Home(engine.home)).site_packages(chain[:-1], "3.11") != folders


def container(folder: Path, as_module: bool) -> Container:
    look, app, entry = function_of(folder, as_module, "look")
    return lay_out(look, app, entry, folder=folder, as_module=as_module, launcher_python="3.11")


def function_of(folder: Path, as_module: bool, name: str) -> tuple[Function, App, Module]:
    sources = Sources()
    entry = sources.read(folder / "pkg/app.py", "pkg.app" if as_module else "app")
    app = read_app(entry, sources, folder)
    return next(function for function in app.functions if function.name == name), app, entry
