"""Arguments by name, as JSON where they are plain, each with where it came from."""

import pickle
from typing import Any

import pytest
from modal_proto import api_pb2

from homeport.control.runs.arguments import arguments_of, parameters_of, shown
from homeport.control.runs.given import placed
from homeport.record.run import Argument, Call, Function, Launcher


def handle(*names: str, defaults: tuple[str, ...] = ()) -> api_pb2.FunctionHandleMetadata:
    found = api_pb2.FunctionHandleMetadata(function_name="train")
    for name in names:
        found.function_schema.arguments.add(name=name, has_default=name in defaults)
    return found


def given(*positional: Any, **named: Any) -> api_pb2.FunctionInput:
    return api_pb2.FunctionInput(args=pickle.dumps((positional, named), 4), data_format=1)


def test_arguments_have_the_names_of_the_functions_schema():
    found = arguments_of(given("a.yaml", n=3), handle("config_path", "n", "seed", defaults=("seed",)))
    assert found == (
        Argument("config_path", '"a.yaml"'),
        Argument("n", "3"),
        Argument("seed", "", "default"),
    )


def parameters(**values: Any) -> bytes:
    kinds = {int: "int_value", str: "string_value", bytes: "pickle_value"}
    made = [api_pb2.ClassParameterValue(name=name, **{kinds[type(v)]: v}) for name, v in values.items()]
    return api_pb2.ClassParameterSet(parameters=made).SerializeToString()


def test_what_a_class_was_made_with_is_part_of_the_call():
    info = api_pb2.ClassParameterInfo(format=api_pb2.ClassParameterInfo.PARAM_SERIALIZATION_FORMAT_PROTO)
    info.schema.add(name="size", has_default=True, int_default=3)
    info.schema.add(name="model", has_default=True, string_default="small")
    described = api_pb2.FunctionHandleMetadata(class_parameter_info=info)

    found = parameters_of(parameters(size=3, model="large", api_key="sk-1", thing=pickle.dumps(1)), described)

    assert found == (
        Argument("self.size", "3", "default"),
        Argument("self.model", '"large"'),
        Argument("self.api_key", "<masked>"),
        Argument("self.thing", "<object>"),
    )
    assert parameters_of(b"", described) == ()
    assert parameters_of(b"\xff", described) == (Argument("self.*", "<1 bytes>"),)
    call = Call("fc-1", "Model.fit", found[:2])
    assert placed(call, (Function("Model.*"),), None).arguments == found[:2]
    typed = Launcher(("modal", "run", "app.py::Model.fit", "--model", "large"))
    assert placed(call, (Function("Model.*"),), typed).arguments[1].came == "command line"


def test_parameters_that_are_not_typed_are_read_as_arguments():
    info = api_pb2.ClassParameterInfo()
    info.schema.add(name="size")
    described = api_pb2.FunctionHandleMetadata(class_parameter_info=info)

    found = parameters_of(pickle.dumps(((4,), {"model": "large"}), 4), described)

    assert found == (Argument("self.size", "4"), Argument("self.model", '"large"'))


def test_more_positional_arguments_than_names_are_numbered():
    assert [each.name for each in arguments_of(given(1, 2), handle("a"))] == ["a", "*1"]


def test_cbor_is_read_too():
    import cbor2

    message = api_pb2.FunctionInput(
        args=cbor2.dumps([["a.yaml"], {"n": 3}]), data_format=api_pb2.DATA_FORMAT_CBOR
    )
    assert arguments_of(message, handle("config_path")) == (
        Argument("config_path", '"a.yaml"'),
        Argument("n", "3"),
    )


@pytest.mark.parametrize(
    "message",
    [
        api_pb2.FunctionInput(args=b"damaged", data_format=1),
        api_pb2.FunctionInput(args=b"\xff\xff", data_format=api_pb2.DATA_FORMAT_CBOR),
        api_pb2.FunctionInput(args=pickle.dumps(3), data_format=1),
    ],
)
def test_what_cannot_be_read_is_named_by_its_size(message):
    (found,) = arguments_of(message, handle("a"))
    assert found.name == "*" and found.value.startswith(f"<{len(message.args)} bytes: ")


def test_large_arguments_are_named_only():
    (found,) = arguments_of(api_pb2.FunctionInput(args_blob_id="bl-1"), handle("a"))
    assert found.value == "<arguments of more than 1 MiB, in blob bl-1>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ä", '"ä"'),
        (float("inf"), '"inf"'),
        ({"a": (1, None)}, '{"a": [1, null]}'),
        (b"xyz", '"<3 bytes>"'),
        ("\ud800", '"?"'),
        pytest.param(10**5000, "<int>", id="huge"),
    ],
)
def test_values_are_json_where_they_are_plain(value, text):
    assert shown(value) == text


def test_parts_that_share_parts_do_not_explode():
    value: list[Any] = []
    for _ in range(100):
        value = [value, value]
    assert len(shown(value)) < 10_000


TRAIN = Function("train", defaults={"config_path": '"full.yaml"', "n": "3"})


def came(argv: str, *arguments: Argument, tags: tuple[Function, ...] = (TRAIN,)) -> dict[str, str]:
    launcher = Launcher(tuple(argv.split()))
    found = placed(Call("fc-1", "train", arguments), tags, launcher)
    return {each.name: f"{each.value} {each.came}" for each in found.arguments}


PATH, N = Argument("config_path", '"full.yaml"'), Argument("n", "4")


def test_what_modal_run_passes_without_being_told_is_the_default():
    assert came("modal run app.py::train --n 4", PATH, N) == {
        "config_path": '"full.yaml" default',
        "n": "4 command line",
    }


def test_an_option_that_repeats_the_default_was_typed_all_the_same():
    assert came("modal run app.py::train --config-path=full.yaml", PATH)["config_path"].endswith(
        "command line"
    )


def test_code_that_calls_gives():
    assert came("python launch.py", PATH, N) == {"config_path": '"full.yaml" given', "n": "4 given"}
    assert came("modal run app.py", PATH)["config_path"] == '"full.yaml" given'


def test_an_option_of_another_function_is_not_this_ones():
    tags = (TRAIN, Function("prepare"))
    assert came("modal run app.py::prepare --n 4", N, tags=tags)["n"] == "4 given"


def test_what_was_not_passed_gets_the_defaults_value():
    assert came("python launch.py", Argument("n", "", "default"))["n"] == "3 default"


def test_a_methods_defaults_are_found_in_its_class():
    model = Function("Model.*", defaults={"predict.top": "5"})
    found = placed(Call("fc-1", "Model.predict", (Argument("top", "", "default"),)), (model,), None)
    assert found.arguments == (Argument("top", "5", "default"),)


def test_values_of_arguments_that_look_like_secrets_are_not_recorded():
    message = given("hunter2", url="https://me:hunter2@host", lr=1, config={"api_key": "hunter2"})
    found = arguments_of(message, handle("password"))
    assert found[0] == Argument("password", "<masked>")
    assert "hunter2" not in str(found)
