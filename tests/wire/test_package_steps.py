"""Steps that install packages, each as the client describes it, and a private index that a Secret opens."""

import pytest

from tests.support.package_index import MODULE, PACKAGE, private_index

TOKEN = "tok-7c1e9a40b2d8"

APP = """
    import importlib
    import os

    import modal

    secret = modal.Secret.from_dict({{name: os.environ[name] for name in {names!r} if name in os.environ}})
    base = modal.Image.debian_slim()
    image = {image} if modal.is_local() else base
    app = modal.App("wire-packages", image=image)


    @app.function()
    def look():
        for name in {modules!r}:
            print("FOUND", name, importlib.import_module(name).__file__)
        print("TOKEN" in os.environ)
    """


@pytest.fixture(scope="module")
def index():
    with private_index("cats", TOKEN) as address:
        yield address


@pytest.mark.once_as("user")
@pytest.mark.parametrize(
    ("image", "variables"),
    [
        (
            'base.pip_install("{package}", secrets=[secret], '
            'extra_options="--index-url http://cats:$TOKEN@{index}/simple/")',
            {"TOKEN": TOKEN},
        ),
        (
            'base.uv_pip_install("{package}", secrets=[secret], '
            'extra_options="--index http://cats:$TOKEN@{index}/simple/")',
            {"TOKEN": TOKEN},
        ),
        (
            'base.run_commands("set -x; pip install -i http://cats:$TOKEN@{index}/simple/ {package}", '
            "secrets=[secret])",
            {"TOKEN": TOKEN},
        ),
        (
            'base.pip_install("{package}", secrets=[secret])',
            {"PIP_EXTRA_INDEX_URL": f"http://cats:{TOKEN}@{{index}}/simple/"},
        ),
    ],
    ids=["pip", "uv", "run_commands", "a variable of pip"],
)
def test_a_secret_opens_a_private_index_and_is_nowhere_afterwards(
    modal, write, engine, index, image, variables
):
    code = image.format(package=PACKAGE, index=index)
    write("app.py", APP.format(image=code, names=list(variables), modules=[MODULE]))
    shell = {name: value.format(index=index) for name, value in variables.items()}
    said = modal("run", "app.py", env=shell)
    assert f"FOUND {MODULE} /usr/local/" in said.out
    assert "False" in said.lines, "the build's Secret is not the function's"
    assert TOKEN not in said.text
    assert not holding(engine.home, TOKEN)


def holding(home, text):
    """Files of the home that hold a text: layers, logs, records. Not where Secrets themselves are stored."""
    found = []
    for folder in ("l", "logs", "t", "runs"):
        for path in (home / folder).rglob("*"):
            if path.is_file() and not path.is_symlink() and text.encode() in path.read_bytes():
                found.append(path)
    return found


@pytest.mark.once_as("root")
def test_a_wrong_password_is_the_indexs_word_and_does_not_show(modal, write, index):
    code = (
        f'base.pip_install("{PACKAGE}", secrets=[secret], '
        f'extra_options="--no-input --index-url http://cats:$TOKEN@{index}/simple/")'
    )
    write("app.py", APP.format(image=code, names=["TOKEN"], modules=[MODULE]))
    said = modal("run", "app.py", env={"TOKEN": "tok-wrong-password"}, fails=True)
    assert "tok-wrong-password" not in said.text
    assert "401" in said.text or "No matching distribution" in said.text


PROJECT = """
    [project]
    name = "cats"
    version = "1"
    requires-python = ">=3.10"
    dependencies = ["six==1.17.0"]

    [project.optional-dependencies]
    training = ["iniconfig==2.1.0"]
    """


@pytest.mark.once_as("root")
@pytest.mark.parametrize(
    ("image", "place"),
    [
        ('base.pip_install_from_pyproject("pyproject.toml", ["training"])', "/usr/local/"),
        ('base.uv_sync(".", extras=["training"])', "/.uv/.venv/"),
        (
            'base.uv_pip_install("six", requirements=["more.txt"], pre=True, extra_options="--no-deps")',
            "/usr/local/",
        ),
    ],
    ids=["pip_install_from_pyproject", "uv_sync", "uv_pip_install"],
)
def test_packages_of_a_project(modal, write, image, place):
    write("pyproject.toml", PROJECT)
    write("more.txt", "iniconfig==2.1.0\n")
    write("app.py", APP.format(image=image, names=[], modules=["six", "iniconfig"]))
    said = modal("run", "app.py")
    assert f"FOUND six {place}" in said.out
    assert f"FOUND iniconfig {place}" in said.out


@pytest.mark.once_as("user")
@pytest.mark.parametrize(
    ("content", "words"),
    [("idna==\n", "idna=="), ("no-such-package-anywhere-7f3a==1.0\n", "no-such-package-anywhere-7f3a")],
    ids=["syntax", "package"],
)
def test_a_requirements_file_that_cannot_be_met_is_said_in_the_installers_words(modal, write, content, words):
    write("requirements.txt", content)
    code = 'base.pip_install_from_requirements("requirements.txt")'
    write("app.py", APP.format(image=code, names=[], modules=[]))
    said = modal("run", "app.py", fails=True)
    assert words in said.text
    assert "Step 2 of the image ended with exit status" in said.text
    assert "Traceback" not in said.text
