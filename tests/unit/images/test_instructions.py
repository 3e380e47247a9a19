"""Reading dockerfile_commands."""

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.model.errors import InvalidError, NotServedError
from homeport.plan.instructions import (
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    From,
    Remark,
    Run,
    Shell,
    User,
    Workdir,
    parse,
)


def test_each_command_is_an_instruction() -> None:
    assert parse(["FROM base", "RUN echo a", "WORKDIR /app"]) == [
        From("FROM base", "base"),
        Run("RUN echo a", "echo a"),
        Workdir("WORKDIR /app", "/app"),
    ]


def test_lines_continue_over_comments_and_empty_lines() -> None:
    (_, run) = parse(["FROM base", "RUN a \\", "  # why", "", "  && b"])
    assert isinstance(run, Run)
    assert run.command == "a   && b"


def test_a_command_of_several_lines_is_read_as_several_instructions() -> None:
    assert len(parse(["FROM base\nRUN a\nRUN b"])) == 3


def test_keywords_in_any_case() -> None:
    assert isinstance(parse(["from base", "run x"])[1], Run)


def test_the_json_form_starts_no_shell() -> None:
    (_, run) = parse(["FROM base", 'RUN ["echo", "$HOME"]'])
    assert isinstance(run, Run)
    assert run.argv == ("echo", "$HOME")


def test_broken_json_is_the_shell_form() -> None:
    (_, run) = parse(["FROM base", 'RUN ["echo", ]'])
    assert isinstance(run, Run)
    assert run.argv is None


def test_env_in_both_forms() -> None:
    (_, new, old) = parse(["FROM base", "ENV A=1 B='x y'", "ENV C x y"])
    assert isinstance(new, Env)
    assert isinstance(old, Env)
    assert new.pairs == (("A", "1"), ("B", "'x y'"))
    assert old.pairs == (("C", "x y"),)


def test_arg_with_and_without_default() -> None:
    (_, arg) = parse(["FROM base", "ARG A B=2"])
    assert isinstance(arg, Arg)
    assert arg.pairs == (("A", None), ("B", "2"))


def test_arg_may_come_before_from() -> None:
    assert isinstance(parse(["ARG TAG=3.11-slim", "FROM python:$TAG"])[1], From)


def test_copy_with_options() -> None:
    (_, copy) = parse(["FROM base", "COPY --chmod=755 --chown=root:root --link a b /to/"])
    assert isinstance(copy, Copy)
    assert (copy.sources, copy.target, copy.mode) == (("a", "b"), "/to/", 0o755)


def test_copy_in_json_form_keeps_spaces() -> None:
    (_, copy) = parse(["FROM base", 'COPY ["a b", "/to here"]'])
    assert isinstance(copy, Copy)
    assert (copy.sources, copy.target) == (("a b",), "/to here")


def test_shell_entrypoint_cmd() -> None:
    (_, shell, entrypoint, cmd) = parse(
        ["FROM base", 'SHELL ["/bin/bash", "-c"]', "ENTRYPOINT run it", 'CMD ["x"]']
    )
    assert shell == Shell('SHELL ["/bin/bash", "-c"]', ("/bin/bash", "-c"))
    assert entrypoint == Entrypoint("ENTRYPOINT run it", ("/bin/sh", "-c", "run it"))
    assert cmd == Cmd('CMD ["x"]', ("x",))


def test_root_is_the_only_user() -> None:
    assert isinstance(parse(["FROM base", "USER root"])[1], User)
    with pytest.raises(NotServedError, match="USER nobody"):
        parse(["FROM base", "USER nobody"])


def test_what_changes_nothing_is_a_remark() -> None:
    assert isinstance(parse(["FROM base", "LABEL a=b"])[1], Remark)


def test_a_here_document_is_the_script() -> None:
    (_, run) = parse(["FROM base", "RUN <<EOF", "echo 1", "echo 2", "EOF"])
    assert isinstance(run, Run)
    assert run.command == "echo 1\necho 2"


def test_a_here_document_within_a_command_is_the_shells() -> None:
    (_, run) = parse(["FROM base", "RUN cat <<EOF > /a", "# no comment", "EOF"])
    assert isinstance(run, Run)
    assert run.command == "cat <<EOF > /a\n# no comment\nEOF"


@pytest.mark.parametrize(
    ("commands", "name"),
    [
        (["FROM a", "FROM b"], "several stages"),
        (["FROM a", "ADD x /y"], "ADD"),
        (["FROM a", "VOLUME /x"], "VOLUME"),
        (["FROM a", "HEALTHCHECK NONE"], "HEALTHCHECK"),
        (["FROM a", "ONBUILD RUN x"], "ONBUILD"),
        (["FROM a", "RUN --mount=type=cache,target=/c x"], "--mount=type=cache"),
        (["FROM a", "COPY --chown=me x /y"], "--chown=me"),
        (["FROM --platform=linux/arm64 a"], "--platform"),
        (["# escape=`", "FROM a"], "escape"),
        (["FROM a", "COPY <<EOF /x", "text", "EOF"], "here-documents of COPY"),
    ],
)
def test_what_is_not_served_is_refused_by_name(commands: list[str], name: str) -> None:
    with pytest.raises(NotServedError, match=name):
        parse(commands)


@pytest.mark.parametrize(
    "commands",
    [
        [],
        ["RUN x"],
        ["RUN x", "FROM a"],
        ["FROM a", "NOPE x"],
        ["FROM a", "RUN"],
        ["FROM a", "ENV A"],
        ["FROM a", "ENV A='x"],
        ["FROM a", "COPY a"],
        ["FROM a", "SHELL bash"],
        ["FROM a b"],
        ["FROM a", "RUN <<EOF", "x"],
    ],
)
def test_what_is_malformed(commands: list[str]) -> None:
    with pytest.raises(InvalidError):
        parse(commands)


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.text("ab '\"$\\{}#=", max_size=12)))
def test_every_environment_that_the_client_sends_is_read(env: dict[str, str]) -> None:
    lines = [f"ENV {name}={shlex.quote(value)}" for name, value in env.items()]
    read = [entry for entry in parse(["FROM base", *lines]) if isinstance(entry, Env)]
    assert [name for entry in read for name, _ in entry.pairs] == list(env)


@given(st.lists(st.text(max_size=10), min_size=1))
def test_every_command_of_the_client_in_json_form_is_read(argv: list[str]) -> None:
    (_, cmd) = parse(["FROM base", f"CMD {json.dumps(argv, ensure_ascii=True)}"])
    assert isinstance(cmd, Cmd)
    assert cmd.argv == tuple(argv)
