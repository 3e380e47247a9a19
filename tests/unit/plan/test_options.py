"""Every field of a function's definition is decided on, and none is ignored unseen."""

import pytest
from modal_proto import api_pb2

from homeport.plan import options
from homeport.plan.options import Decision, judge


@pytest.mark.parametrize(
    ("message", "table"),
    [
        (api_pb2.Function, options.FUNCTION),
        (api_pb2.FunctionData, options.FUNCTION_DATA),
        (api_pb2.Resources, options.RESOURCES),
        (api_pb2.AutoscalerSettings, options.AUTOSCALER),
        (api_pb2.VolumeMount, options.VOLUME_MOUNT),
        (api_pb2.Sandbox, options.SANDBOX),
    ],
)
def test_every_field_of_the_installed_client_has_a_decision(message, table) -> None:  # type: ignore[no-untyped-def]
    assert {field.name for field in message.DESCRIPTOR.fields} == set(table)


def test_what_is_refused_or_warned_of_has_words() -> None:
    for table in (
        options.FUNCTION,
        options.FUNCTION_DATA,
        options.RESOURCES,
        options.AUTOSCALER,
        options.SANDBOX,
    ):
        for name, option in table.items():
            speaks = option.decision in (Decision.REFUSED, Decision.WARNED)
            assert bool(option.text) == speaks, name


def test_a_field_that_nobody_knows_is_named() -> None:
    verdict = judge(options.FUNCTION, ["function_name", "quantum"], "Function")
    assert verdict.refused == ()
    assert "Function.quantum" in verdict.warnings[0]


def test_all_refusals_at_once_each_once() -> None:
    verdict = judge(options.FUNCTION, ["is_server", "custom_domain_info"], "Function")
    assert verdict.refused == ("modal.Server", "custom_domains=")
