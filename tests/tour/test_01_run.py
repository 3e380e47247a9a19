"""`modal run`, as typed: files, functions, modules, entry points, arguments, quiet, from Python."""

import re

import pytest

from tests.support.commands import interrupt


@pytest.mark.once_as("user")
def test_a_file_with_one_function_runs(modal, write):
    write(
        "hello.py",
        """
        import modal

        app = modal.App("tour-hello")


        @app.function()
        def hello():
            print("Hello from", __file__)
        """,
    )
    said = modal("run", "hello.py")
    assert "Hello from /root/hello.py" in said.lines
    assert "App completed" in said.text


GREETING = """
    import datetime

    import modal

    app = modal.App("tour-arguments")


    @app.function()
    def greet(name: str = "world", times: int = 1, loud: bool = False, day: datetime.datetime = None):
        text = f"Hello, {name}" + "!" * times
        print(text.upper() if loud else text, type(times).__name__, day)


    @app.function()
    def other():
        print("the other function")
    """


@pytest.mark.once_as("root")
def test_one_of_several_functions_is_named_after_two_colons(modal, write):
    write("app.py", GREETING)
    assert "the other function" in modal("run", "app.py::other").lines
    assert "several" in (said := modal("run", "app.py", fails=True).text).lower() or "Specify" in said, said


@pytest.mark.once_as("user")
def test_arguments_have_the_types_that_the_function_says(modal, write):
    write("app.py", GREETING)
    said = modal("run", "app.py::greet", "--name", "Ada", "--times", "3", "--loud", "--day", "2026-02-25")
    assert "HELLO, ADA!!! int 2026-02-25 00:00:00" in said.lines
    refused = modal("run", "app.py::greet", "--times", "many", fails=True)
    assert "'many' is not a valid int" in refused.text


@pytest.mark.once_as("root")
def test_help_lists_the_functions_arguments_and_starts_nothing(modal, write):
    write("app.py", GREETING)
    said = modal("run", "app.py::greet", "--help")
    assert "--times INTEGER" in said.out
    assert "--loud" in said.out


@pytest.mark.once_as("user")
def test_a_local_entrypoint_runs_here_and_calls_there(modal, write):
    write(
        "app.py",
        """
        import os

        import modal

        app = modal.App("tour-entrypoint")


        @app.function()
        def square(n: int) -> int:
            print("squaring in", os.environ["MODAL_TASK_ID"][:3])
            return n * n


        @app.local_entrypoint()
        def main(n: int = 3):
            assert "MODAL_TASK_ID" not in os.environ
            print("there:", square.remote(n), "here:", square.local.__name__)
        """,
    )
    said = modal("run", "app.py", "--n", "12")
    assert "there: 144 here: local" in said.lines
    assert "squaring in ta-" in said.lines


@pytest.mark.once_as("root")
def test_a_module_of_a_package_runs_with_the_whole_package(modal, write):
    write("pets/__init__.py", "")
    write("pets/names.py", "NAMES = ['Tom', 'Felix']")
    write(
        "pets/app.py",
        """
        import modal

        from pets.names import NAMES

        app = modal.App("tour-module")


        @app.function()
        def show():
            print(__name__, __file__, NAMES)
        """,
    )
    said = modal("run", "-m", "pets.app::show")
    assert "pets.app /root/pets/app.py ['Tom', 'Felix']" in said.lines


@pytest.mark.once_as("root")
def test_quiet_shows_nothing_and_write_result_keeps_what_the_function_returns(modal, write, folder, account):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-quiet")


        @app.function()
        def report() -> str:
            print("not shown")
            return "the report"
        """,
    )
    said = modal("run", "--quiet", "--write-result", "report.txt", "app.py")
    assert said.text.strip() == ""
    assert (folder / "report.txt").read_text() == "the report"


@pytest.mark.once_as("user")
def test_an_app_runs_from_python(python, write):
    write(
        "script.py",
        """
        import modal

        app = modal.App("tour-python")


        @app.function(serialized=True)
        def double(n):
            return 2 * n


        with app.run():
            print("result", double.remote(21), app.app_id)
        """,
    )
    said = python("script.py")
    assert re.search(r"result 42 ap-[A-Za-z0-9]{22}$", said.out, re.MULTILINE)


def test_each_stream_arrives_in_order_and_while_the_function_runs(modal, write):
    write(
        "app.py",
        """
        import subprocess
        import sys
        import time

        import modal

        app = modal.App("tour-output")


        @app.function()
        def talk():
            print("one")
            print("two", file=sys.stderr)
            subprocess.run([sys.executable, "-c", "print('three, from a child')"], check=True)
            subprocess.run("echo four, from a shell", shell=True, check=True)
            print("f\\u00fcnf \\N{CAT}")
            print("two again", file=sys.stderr)
            time.sleep(600)
        """,
    )
    running = modal.start("run", "app.py")
    running.wait_for("two again")
    running.wait_for("fünf")
    interrupt(running)
    running.wait(20)
    shown = [line for line in running.text.splitlines() if re.match("(one|three|four|fünf)", line)]
    assert shown == ["one", "three, from a child", "four, from a shell", "fünf \N{CAT}"]
    assert re.findall("^two.*", running.text, re.MULTILINE) == ["two", "two again"]
