"""What goes wrong in the user's code reaches the user as what it is, and the exit status is not 0."""

import pytest


@pytest.mark.once_as("root")
def test_an_exception_keeps_its_type_its_traceback_and_its_locals_line(modal, write):
    write("cats.py", "class TooManyCats(Exception):\n    pass\n")
    write(
        "app.py",
        """
        import modal

        from cats import TooManyCats

        image = modal.Image.debian_slim().add_local_python_source("cats")
        app = modal.App("tour-exception", image=image)


        def feed(n):
            if n > 2:
                raise TooManyCats(f"{n} cats, 2 bowls")


        @app.function()
        def dinner(n: int):
            feed(n)


        @app.local_entrypoint()
        def main():
            try:
                dinner.remote(3)
            except TooManyCats as error:
                print("caught", type(error).__name__, error)
            dinner.remote(4)
        """,
    )
    said = modal("run", "app.py", fails=True)
    assert "caught TooManyCats 3 cats, 2 bowls" in said.lines
    assert "TooManyCats: 4 cats, 2 bowls" in said.err
    assert "/root/app.py" in said.err
    assert "feed" in said.err


@pytest.mark.once_as("user")
def test_a_module_that_raises_at_import_fails_the_run_with_its_own_words(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-import")

        if not modal.is_local():
            import torchvision_of_my_laptop


        @app.function()
        def train():
            print("never")
        """,
    )
    said = modal("run", "app.py", fails=True)
    assert "ModuleNotFoundError: No module named 'torchvision_of_my_laptop'" in said.text
    assert "never" not in said.out


def test_a_container_that_exits_or_is_killed_says_so(modal, write):
    write(
        "app.py",
        """
        import os
        import signal
        import sys

        import modal

        app = modal.App("tour-death")


        @app.function()
        def leaves():
            sys.exit(3)


        @app.function()
        def vanishes():
            os._exit(4)


        @app.function()
        def killed():
            os.kill(os.getpid(), signal.SIGKILL)


        @app.function()
        def segfaults():
            import ctypes

            ctypes.string_at(0)


        @app.local_entrypoint()
        def main():
            functions = {"leaves": leaves, "vanishes": vanishes, "killed": killed, "segfaults": segfaults}
            for name, function in functions.items():
                try:
                    function.remote()
                    print(name, "returned")
                except BaseException as error:
                    print("DEATH", name, type(error).__name__, str(error)[:300])
        """,
    )
    said = modal("run", "app.py", timeout_s=60)
    deaths = {line.split()[1]: line for line in said.lines if line.startswith("DEATH")}
    assert set(deaths) == {"leaves", "vanishes", "killed", "segfaults"}
    assert "4" in deaths["vanishes"], deaths["vanishes"]
    assert "SIGKILL" in deaths["killed"] or "137" in deaths["killed"], deaths["killed"]
    assert "SIGSEGV" in deaths["segfaults"] or "139" in deaths["segfaults"], deaths["segfaults"]


def test_a_function_that_fills_its_memory_limit_is_ended_with_that_reason(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-memory")


        @app.function(memory=(128, 384))
        def fill():
            print("filling", flush=True)
            hoard = []
            while True:
                hoard.append(bytearray(b"x") * (16 << 20))
        """,
    )
    said = modal("run", "app.py", fails=True, timeout_s=60)
    assert "filling" in said.lines
    assert "memory" in said.text.lower()
    assert "384" in said.text


@pytest.mark.once_as("root")
def test_a_result_that_cannot_be_pickled_is_an_error_not_a_hang(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-unpicklable")


        @app.function()
        def lock():
            import threading

            return threading.Lock()


        @app.function()
        def fine():
            return "fine"


        @app.local_entrypoint()
        def main():
            try:
                lock.remote()
            except Exception as error:
                print("REFUSED", type(error).__name__, error)
            print("next call:", fine.remote())
        """,
    )
    said = modal("run", "app.py")
    refused = next(line for line in said.lines if line.startswith("REFUSED"))
    assert "pickle" in refused
    assert "next call: fine" in said.lines


@pytest.mark.once_as("user")
def test_what_does_not_exist_here_is_named_before_anything_starts(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-missing-file")
        image = modal.Image.debian_slim().add_local_file("weights.bin", "/weights.bin")


        @app.function(image=image)
        def train():
            print("never")
        """,
    )
    said = modal("run", "app.py", fails=True)
    assert "weights.bin" in said.err
    assert "never" not in said.out
