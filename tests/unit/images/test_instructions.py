"""Reading dockerfile_commands."""

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.model.errors import InvalidError, NotServedError
from homeport.plan.dockerfile import parse
from homeport.plan.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    From,
    InlineFile,
    Instruction,
    Remark,
    Run,
    RunMount,
    Shell,
    User,
    Workdir,
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


def test_user() -> None:
    assert parse(["FROM base", "USER app:staff"])[1] == User("USER app:staff", "app:staff")


@pytest.mark.parametrize("text", ["LABEL a=b", "EXPOSE 80", "VOLUME /x", "HEALTHCHECK NONE", "STOPSIGNAL 9"])
def test_what_changes_nothing_is_a_remark(text: str) -> None:
    assert isinstance(parse(["FROM base", text])[1], Remark)


def _only(*lines: str) -> Instruction:
    (_, instruction) = parse(["FROM base", *lines])
    return instruction


def test_several_stages() -> None:
    first, _, second = parse(["FROM a AS Build", "RUN x", "FROM --platform=linux/amd64 b"])
    assert first == From("FROM a AS Build", "a", "build")
    assert second == From("FROM --platform=linux/amd64 b", "b", None, "linux/amd64")


def test_lines_are_numbered_from_where_they_begin() -> None:
    found = parse(["# why", "FROM base", "", "RUN a \\", "  b", "RUN c"])
    assert [entry.number for entry in found] == [2, 4, 6]


def test_another_escape_character() -> None:
    first, run, copy = parse(["# escape=`", "FROM a", "RUN x `", " C:\\y", r"COPY a` b C:\\to"])
    assert isinstance(first, From)
    assert isinstance(run, Run)
    assert run.command == r"x  C:\y"
    assert isinstance(copy, Copy)
    assert (copy.sources, copy.target) == ((r"a\ b",), r"C:\\\\to")


def test_a_directive_after_another_line_is_a_comment() -> None:
    _, _, run = parse(["FROM a", "# escape=`", "RUN a \\", "b", "RUN c"])
    assert isinstance(run, Run)
    assert run.command == "c"


def test_windows_line_ends() -> None:
    run = _only("RUN a \\\r", "b\r")
    assert isinstance(run, Run)
    assert run.command == "a b"


def test_a_here_document_that_names_its_program() -> None:
    run = _only("RUN <<EOF", "#!/usr/bin/env python3", "print(1)", "EOF")
    assert isinstance(run, Run)
    assert "cat > \"$script\" <<'HOMEPORT_SCRIPT'\n#!/usr/bin/env python3\nprint(1)\n" in run.command


def test_here_documents_are_files_of_a_copy() -> None:
    copy = _only("COPY <<a.txt <<-'b.txt' c /to/", "one $X", "a.txt", "\ttwo $X", "\tb.txt")
    assert isinstance(copy, Copy)
    assert copy.files == (InlineFile("a.txt", "one $X\n", True), InlineFile("b.txt", "two $X\n", False))
    assert (copy.sources, copy.target) == (("c",), "/to/")


def test_add_is_a_copy_that_does_more() -> None:
    digest = f"sha256:{'0' * 64}"
    add = _only(f"ADD --checksum={digest} --chmod=644 https://example.com/x.tar /x")
    assert add == Add(add.text, ("https://example.com/x.tar",), "/x", mode=0o644, checksum=digest)


def test_options_of_a_copy() -> None:
    copy = _only("COPY --from=build --chown=app:1 --exclude=*.md --exclude=t/** --parents a b /to")
    assert isinstance(copy, Copy)
    assert (copy.image, copy.owner, copy.excludes) == ("build", "app:1", ("*.md", "t/**"))
    assert copy.keeps_parents


def test_mounts_of_a_run() -> None:
    run = _only(
        "RUN --mount=type=cache,id=c,target=/c,sharing=locked,mode=0700 \\",
        "  --mount=type=secret,id=KEY,required --mount=type=bind,from=build,src=/a,dst=/b \\",
        "  --mount=type=tmpfs,target=/t --network=default make",
    )
    assert isinstance(run, Run)
    assert run.command == "make"
    assert run.mounts == (
        RunMount("cache", "/c", id="c", is_locked=True, mode=0o700),
        RunMount("secret", "/run/secrets/KEY", id="KEY", is_required=True),
        RunMount("bind", "/b", source="/a", image="build"),
        RunMount("tmpfs", "/t"),
    )


def test_a_secret_as_a_variable() -> None:
    run = _only("RUN --mount=type=secret,id=KEY,env=TOKEN x")
    assert isinstance(run, Run)
    assert run.mounts == (RunMount("secret", "", id="KEY", variable="TOKEN"),)


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
        (["FROM a", "ONBUILD RUN x"], "Line 2: .*ONBUILD"),
        (["FROM a", "RUN --mount=type=ssh x"], "--mount=type=ssh"),
        (["FROM a", "RUN --mount=type=bind,target=/x,rw x"], "rw of RUN --mount=type=bind"),
        (["FROM a", "RUN --network=none x"], "--network=none"),
        (["FROM a", "RUN --security=insecure x"], "--security=insecure"),
        (["FROM a", "RUN --device=x y"], "--device=x"),
        (["FROM a", "COPY --chmod=u+x x /y"], "--chmod=u"),
        (["FROM a", "ADD --keep-git-dir=true x /y"], "ADD --keep-git-dir=true"),
        (["FROM --nope=1 a"], "--nope"),
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
