"""Configuration and keys of images."""

import pytest

from homeport.model.errors import InvalidError
from homeport.plan.dockerfile import parse
from homeport.plan.instructions import Copy, Run
from homeport.plan.layer_key import layer_key
from homeport.plan.recipe import ImageState, advance, copy_key, copy_paths, run_key, unused_build_args


def state_after(*commands: str, build_args: dict[str, str] | None = None) -> ImageState:
    state = ImageState("start")
    for instruction in parse(["FROM base", *commands])[1:]:
        state = advance(state, instruction, build_args or {})
    return state


def run_of(command: str) -> Run:
    (_, run) = parse(["FROM base", f"RUN {command}"])
    assert isinstance(run, Run)
    return run


def test_later_env_wins_and_remembers_who_set_it() -> None:
    state = state_after("ENV A=1 B=2", "ENV A=3")
    assert state.plain_env == {"A": "3", "B": "2"}
    assert state.env["A"].set_by == "ENV A=3"
    assert state.env["B"].set_by == "ENV A=1 B=2"


def test_one_env_sees_the_variables_as_they_were_before_it() -> None:
    assert state_after("ENV A=1", "ENV A=2 B=$A").plain_env == {"A": "2", "B": "1"}


def test_workdir_goes_on_from_the_last_one() -> None:
    assert state_after("WORKDIR /a", "WORKDIR b/../c").workdir == "/a/c"
    assert state_after("ENV D=/x", "WORKDIR $D/y").workdir == "/x/y"
    assert state_after("WORKDIR //a").workdir == "/a"


def test_a_workdir_that_expands_to_nothing_is_refused() -> None:
    with pytest.raises(InvalidError):
        state_after("WORKDIR $NOPE")


def test_build_args_replace_defaults_and_give_way_to_env() -> None:
    state = state_after("ARG V=1 W=w", "ENV W=env", build_args={"V": "9"})
    assert state.variables["V"] == "9"
    assert state.variables["W"] == "env"
    assert "V" not in state.plain_env


def test_an_undeclared_build_arg_has_no_effect() -> None:
    state = state_after("ARG V", build_args={"V": "1", "X": "2"})
    assert "X" not in state.variables
    assert unused_build_args({"V": "1", "X": "2"}, {"V"}) == ["X"]


def test_entrypoint_forgets_the_command_before_it() -> None:
    state = state_after('CMD ["a"]', 'ENTRYPOINT ["b"]')
    assert (state.entrypoint, state.cmd) == (("b",), ())


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("COPY a /to", "/to"),
        ("COPY a /to/", "/to/"),
        ("COPY a b /to", "/to/"),
        ("COPY a .", "/w/"),
        ("COPY a b.txt", "/w/b.txt"),
        ("COPY . /", "/"),
        ("COPY a ../x", "/x"),
    ],
)
def test_where_a_copy_goes(line: str, target: str) -> None:
    (_, copy) = parse(["FROM base", line])
    assert isinstance(copy, Copy)
    assert copy_paths(state_after("WORKDIR /w"), copy)[1] == target


def test_a_key_depends_on_everything_before_it() -> None:
    run = run_of("make")
    keys = {
        run_key(state_after(), run, ()),
        run_key(state_after("ENV A=1"), run, ()),
        run_key(state_after("ENV A=2"), run, ()),
        run_key(state_after("WORKDIR /a"), run, ()),
        run_key(state_after('SHELL ["/bin/bash", "-c"]'), run, ()),
        run_key(state_after("ARG V=1"), run, ()),
        run_key(state_after("ARG V=1", build_args={"V": "2"}), run, ()),
        run_key(state_after(), run, ("TOKEN",)),
        run_key(state_after(), run_of("make all"), ()),
    }
    assert len(keys) == 9


def test_a_key_is_the_same_for_the_same_steps() -> None:
    assert run_key(state_after("ENV A=1"), run_of("x"), ()) == run_key(
        state_after("ENV A=1"), run_of("x"), ()
    )


def test_a_copys_key_depends_on_content_and_place() -> None:
    (_, first) = parse(["FROM base", "COPY a /to"])
    (_, second) = parse(["FROM base", "COPY a /to2"])
    assert isinstance(first, Copy)
    assert isinstance(second, Copy)
    state = state_after()
    keys = {copy_key(state, first, "x"), copy_key(state, first, "y"), copy_key(state, second, "x")}
    assert len(keys) == 3


def test_parts_keep_their_boundaries() -> None:
    assert layer_key("p", "a", "bc") != layer_key("p", "ab", "c")
    assert layer_key("p", ("a", "b")) != layer_key("p", ("ab",))
    assert layer_key("p", {"a": "1", "b": "2"}) == layer_key("p", {"b": "2", "a": "1"})
