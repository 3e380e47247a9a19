"""Which stages a definition has, and which of them are built."""

import pytest

from homeport.model.errors import InvalidError, NotServedError
from homeport.plan.dockerfile import parse
from homeport.plan.stages import StagePlan, plan_stages


def _plan(*lines: str, **build_args: str) -> StagePlan:
    return plan_stages(parse(lines), build_args, "amd64")


def test_one_stage() -> None:
    plan = _plan("FROM base", "RUN x")
    (stage,) = plan.wanted
    assert (stage.image, stage.parent, len(stage.instructions)) == ("base", None, 1)
    assert not plan.left_out


def test_only_what_the_last_stage_needs_is_built() -> None:
    plan = _plan(
        "FROM a AS one", "FROM b AS two", "FROM one AS three", "FROM c", "COPY --from=three /x /x", "RUN y"
    )
    assert [stage.number for stage in plan.wanted] == [0, 2, 3]
    assert plan.left_out
    assert plan.wanted[1].parent == 0
    assert plan.wanted[2].sources == {"three": 2}


def test_a_stage_by_its_number_and_in_any_case() -> None:
    plan = _plan("FROM a AS one", "FROM b", "COPY --from=0 /x /x", "COPY --from=ONE /y /y")
    assert plan.wanted[-1].sources == {"0": 0, "ONE": 0}


def test_another_image_to_copy_from() -> None:
    plan = _plan("FROM a", "COPY --from=node:20 /x /x", "RUN --mount=type=bind,from=ubuntu,target=/u y")
    assert plan.wanted[0].sources == {"node:20": "node:20", "ubuntu": "ubuntu"}


def test_arguments_before_from() -> None:
    plan = _plan("ARG V=1", "ARG W=$V-slim", "FROM python:${V} AS one", "FROM python:$W", V="2")
    assert [stage.image for stage in plan.wanted] == ["python:2-slim"]
    assert plan.arguments["V"] == "2"
    assert plan.declared == {"V", "W"}


def test_the_platform_is_known_and_this_machines() -> None:
    plan = _plan("FROM --platform=$BUILDPLATFORM a-$TARGETARCH")
    assert plan.wanted[0].image == "a-amd64"
    with pytest.raises(NotServedError, match=r"Line 1: .*linux/amd64, and not for linux/arm64"):
        _plan("FROM --platform=linux/arm64 a")


def test_a_stage_may_have_the_name_of_its_image() -> None:
    assert _plan("FROM alpine AS alpine").wanted[0].parent is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("FROM b AS a", "FROM a AS b"), "Line 1: .*'b', which does not come before"),
        (("FROM a AS x", "COPY --from=x /a /b"), "Line 2: .*'x', which does not come before"),
        (("FROM a", "COPY --from=late /a /b", "FROM c AS late"), "Line 2: .*late"),
        (("FROM a", "COPY --from=3 /a /b"), "Line 2: there is no stage 3"),
        (("ARG V", "FROM $V"), "Line 2: .*names no image"),
    ],
)
def test_stages_that_cannot_be(lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        _plan(*lines)
