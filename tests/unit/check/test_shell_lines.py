"""A shell's lines as simple commands, whichever signs join them."""

import pytest

from homeport.check.execution.commands import may_fetch, scripts_of
from homeport.check.shell_lines import simple_commands, without_redirections


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("a b && c || d; e | f & g", [["a", "b"], ["c"], ["d"], ["e"], ["f"], ["g"]]),
        ("a \\\n  b\nc", [["a", "b"], ["c"]]),
        ("a # not b\nc", [["a"], ["c"]]),
        ("a 'b # && c' \"d\ne\"", [["a", "b # && c", "d\ne"]]),
        ("(cd x && a); b", [["cd", "x"], ["a"], ["b"]]),
        ("a > log 2>&1 && b", [["a", ">", "log", "2", ">&", "1"], ["b"]]),
        ("\n\n", []),
    ],
)
def test_commands(text: str, commands: list[list[str]]) -> None:
    assert simple_commands(text) == commands


def test_a_quote_that_is_not_closed() -> None:
    with pytest.raises(ValueError, match="closing quotation"):
        simple_commands("echo 'a")


@pytest.mark.parametrize(
    "line",
    ["a b > log 2>&1", "a b &> log", "a < in b", "a b 2> /dev/null", "a b >> log", "2> err a b"],
)
def test_redirections_are_not_the_programs(line: str) -> None:
    (words,) = simple_commands(line)
    assert without_redirections(words) == ["a", "b"]


def test_what_a_child_process_runs() -> None:
    options = {"shell": True}
    line = "cd src && python train.py --lr 1 > log 2>&1  # the main one\npython -m evaluate"
    train, evaluate = scripts_of(line, options, "/root", "subprocess.run")
    assert (train.path, train.folder, train.args) == ("train.py", "/root/src", ("--lr", "1"))
    assert (evaluate.path, evaluate.is_module) == ("evaluate", True)
    assert not may_fetch(line, options, "subprocess.run")
    assert may_fetch("echo $(curl -O https://example.org/x)", options, "subprocess.run")
