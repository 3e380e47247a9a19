"""The table of what the client takes, held against the client that is installed."""

import inspect

import modal
import pytest
from modal._image import _Image
from modal.app import _App

from homeport.check import client_api
from homeport.check.client_api import version_of
from tests.support.check import findings_of

INSTALLED = version_of(modal.__version__)


def parameters(method: object) -> set[str]:
    function = inspect.unwrap(getattr(method, "__func__", method))  # type: ignore[arg-type]
    return {name for name in inspect.signature(function).parameters if name != "self"}


@pytest.mark.parametrize(
    ("kind", "method"), [("function", _App.function), ("class", _App.cls), ("server", _App.server)]
)
def test_options_of_a_decorator_are_those_of_the_table(kind: str, method: object) -> None:
    known = {name for name, since in client_api.OPTIONS[kind].items() if since <= INSTALLED}
    assert {name for name in parameters(method) if not name.startswith("_")} == known


def test_no_option_is_both_there_and_gone() -> None:
    assert not client_api.GONE_OPTIONS.keys() & client_api.OPTIONS["function"].keys()
    assert not client_api.GONE_STEPS.keys() & client_api.IMAGE.keys()


@pytest.mark.parametrize("option", client_api.GONE_OPTIONS)
def test_an_option_that_is_gone_is_refused(option: str) -> None:
    app = modal.App("any")
    with pytest.raises((TypeError, modal.exception.DeprecationError)):
        app.function(**{option: 1})(abs)


@pytest.mark.parametrize("name", client_api.GONE_NAMES)
def test_a_name_that_is_gone_is_not_to_be_had(name: str) -> None:
    found: object = modal
    try:
        for part in name.split(".")[1:]:
            found = getattr(found, part)
    except AttributeError:
        return
    assert name == "modal.web_endpoint", found
    with pytest.raises(modal.exception.DeprecationError):
        modal.web_endpoint()


def test_names_that_code_may_use_are_known() -> None:
    public = {name for name in modal.__all__ if not name.startswith("_")}
    assert public - client_api.NAMES == {"web_endpoint"}
    assert {gone.rename for name, gone in client_api.GONE_NAMES.items() if name.count(".") == 1} - {
        ""
    } <= client_api.NAMES


def test_steps_of_an_image_are_those_of_the_table() -> None:
    public = {
        name for name, member in inspect.getmembers(_Image) if not name.startswith("_") and callable(member)
    }
    assert public == client_api.IMAGE.keys()


@pytest.mark.parametrize("step", client_api.IMAGE)
def test_a_step_takes_what_the_table_says(step: str) -> None:
    method = inspect.getattr_static(_Image, step)
    try:
        asked = parameters(getattr(method, "__func__", method))
    except TypeError:
        pytest.skip("of a form that has no signature")
    assert {name.lstrip("*") for name in client_api.IMAGE[step]} == asked


@pytest.mark.parametrize("step", client_api.GONE_STEPS)
def test_a_step_that_is_gone_is_not_there(step: str) -> None:
    assert not hasattr(_Image, step)


REFUSED = """
timeout=None
retries=-1
retries="3"
retries=1.5
retries=modal.Retries(3)
retries=modal.Retries(initial_delay=1.0)
retries=modal.Retries(max_retries=3, max_delay=61)
retries=modal.Retries(max_retries=3, max_delay=0.5)
retries=modal.Retries(max_retries=3, initial_delay=61)
retries=modal.Retries(max_retries=3, initial_delay=-1)
retries=modal.Retries(max_retries=3, backoff_coefficient=0.5)
retries=modal.Retries(max_retries=3, backoff_coefficient=11)
scaledown_window=1
scaledown_window=3601
scaledown_window=2.5
min_containers=5, max_containers=2
min_containers=1.5
max_containers=-1
buffer_containers=-1
gpu="A100:x"
gpu=1
gpu=True
gpu=modal.gpu.A100()
keep_warm=1
allow_concurrent_inputs=10
mounts=[]
timout=60
is_generator=True, retries=3
image=modal.Image.debian_slim(python_version=3.11)
image=modal.Image.debian_slim().env({"A": 1})
image=modal.Image.debian_slim().pip_install("-r requirements.txt")
image=modal.Image.debian_slim().uv_pip_install(requirements="requirements.txt")
image=modal.Image.debian_slim().add_local_file("app.py", "app.py")
image=modal.Image.debian_slim().add_local_dir(".")
image=modal.Image.debian_slim().add_local_python_source(["app"])
image=modal.Image.debian_slim().copy_local_dir(".", "/x")
image=modal.Image.debian_slim().pip_instal("numpy")
image=modal.Image.debian_slim().run_commands("ls", mounts=[])
"""
TAKEN = """
timeout=86400, startup_timeout=60
retries=0
retries=10
retries=modal.Retries(max_retries=3, initial_delay=0.0, max_delay=1.0, backoff_coefficient=10.0)
scaledown_window=2, min_containers=0, max_containers=1, buffer_containers=0
gpu=["H100!", "A100-80GB:2", "any"]
cpu=(0.5, 2.0), memory=(512, 1024), ephemeral_disk=600_000
region="us-east", cloud="aws", nonpreemptible=True, single_use_containers=True
image=modal.Image.debian_slim(python_version="3.12").pip_install("numpy", ["scipy"])
image=modal.Image.debian_slim().add_local_file("app.py", "/x/").add_local_dir(".", remote_path="/y")
"""


def is_refused(decorator: str) -> bool:
    text = f"app = modal.App('any')\n@app.function({decorator})\ndef work(): pass\n"
    try:
        exec(compile(text, "app.py", "exec"), {"modal": modal, "__name__": "app"})
    except (
        modal.exception.Error,
        modal.exception.DeprecationError,
        TypeError,
        ValueError,
        AttributeError,
    ):
        return True
    return False


def errors(decorator: str) -> list[str]:
    text = f'import modal\n\napp = modal.App("any")\n\n\n@app.function({decorator})\ndef work():\n    pass\n'
    found = findings_of({"app.py": text})
    return [one.code for one in found if one.severity == "error" and one.code.startswith(("HP12", "HP4"))]


@pytest.mark.parametrize("decorator", REFUSED.strip().splitlines())
def test_what_the_client_refuses_at_import_is_an_error(decorator: str) -> None:
    assert is_refused(decorator)
    assert errors(decorator)


@pytest.mark.parametrize("decorator", TAKEN.strip().splitlines())
def test_what_the_client_takes_is_none(decorator: str) -> None:
    assert not is_refused(decorator)
    assert not errors(decorator)
