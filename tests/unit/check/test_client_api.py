"""The table of what the client takes, held against the client that is installed."""

import inspect

import modal
import pytest
from modal._image import _Image
from modal.app import _App

from homeport.check import client_api
from homeport.check.client_api import version_of

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
