"""Image.poetry_install_from_file: poetry itself, as the package index has it, and a project's own index."""

import json
import re

import pytest

from tests.support.package_index import open_index

PROJECT = """
    [tool.poetry]
    name = "cats"
    version = "1"
    description = ""
    authors = []
    package-mode = false

    [[tool.poetry.source]]
    name = "loopback"
    url = "http://{index}/simple/"
    priority = "primary"

    [tool.poetry.dependencies]
    python = "^3.10"
    poetry-cats-base = "*"

    [tool.poetry.group.training.dependencies]
    poetry-cats-training = "*"

    [tool.poetry.group.docs.dependencies]
    poetry-cats-docs = "*"
    """

APP = """
    import importlib.util
    import json
    import subprocess

    import modal

    app = modal.App("wire-poetry")
    base = modal.Image.debian_slim()


    def found():
        names = [f"poetry_cats_{name}" for name in ("base", "fur", "training", "docs")]
        known = {name: importlib.util.find_spec(name) for name in names}
        return {name: __import__(name).VERSION for name, spec in known.items() if spec}
    """

WITHOUT_LOCK = """

    image = base.poetry_install_from_file("pyproject.toml", ignore_lockfile=True, without=["docs"])


    @app.function(image=image.add_local_file("pyproject.toml", "/srv/pyproject.toml"))
    def without_lock():
        subprocess.run("cp /srv/pyproject.toml /tmp && cd /tmp && poetry lock -q", shell=True, check=True)
        return found(), open("/tmp/poetry.lock").read()


    @app.local_entrypoint()
    def main():
        print("FOUND", json.dumps(without_lock.remote()))
    """

WITH_LOCK = """

    only = base.poetry_install_from_file("pyproject.toml", only=["main"])
    most = base.poetry_install_from_file("pyproject.toml", "elsewhere.lock", without=["training"])


    @app.function(image=only)
    def of_only():
        return found()


    @app.function(image=most)
    def of_most():
        return found()


    @app.local_entrypoint()
    def main():
        print("FOUND", json.dumps([each.remote() for each in (of_only, of_most)]))
    """


@pytest.mark.once_as("user")
def test_a_project_is_installed_with_its_lock_file_and_without(modal, write, folder):
    with open_index() as index:
        index.add("poetry-cats-base", needs="poetry-cats-fur")
        for name in ("fur", "training", "docs"):
            index.add(f"poetry-cats-{name}")
        write("pyproject.toml", PROJECT.format(index=index.address))

        write("poetry.lock", "no lock file at all, which nobody is to read")
        write("app.py", APP + WITHOUT_LOCK)
        try:
            said = modal("run", "app.py", timeout_s=170)
        except AssertionError as error:
            if re.search("poetry was not found in the package registry|Failed to fetch", str(error)):
                pytest.skip("poetry itself cannot be fetched from the package index")
            raise
        installed, lock = found(said)
        one = "1.0"
        assert installed == {f"poetry_cats_{name}": one for name in ("base", "fur", "training")}

        index.add("poetry-cats-fur", "2.0")  # which a lock file knows nothing of
        (folder / "poetry.lock").write_text(lock)
        (folder / "elsewhere.lock").write_text(lock)
        write("app.py", APP + WITH_LOCK)
        only, most = found(modal("run", "app.py", timeout_s=170))
        assert only == {f"poetry_cats_{name}": one for name in ("base", "fur")}
        assert most == {f"poetry_cats_{name}": one for name in ("base", "fur", "docs")}


def found(said):
    (line,) = [line for line in said.lines if line.startswith("FOUND ")]
    return json.loads(line.removeprefix("FOUND "))
