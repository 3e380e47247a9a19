"""Builds of images, and what may happen: Ctrl-C, killed engines, clients side by side, strange output."""

import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.support.account import BIN
from tests.support.commands import Command
from tests.support.engine import Engine
from tests.support.leaks import descendants
from tests.support.waiting import wait_until

ENDLESS = """
    import modal

    image = (
        modal.Image.debian_slim()
        .run_commands("date +%s%N > /srv/{name}")
        .run_commands("echo begun; if [ -e /root/go ]; then exit 0; fi; sleep 3{name_digits}")
    )
    app = modal.App("wire-{name}", image=image)


    @app.function()
    def look():
        print("BUILT", open("/srv/{name}").read().strip())
    """


def processes(mark: str) -> list[int]:
    """Processes of the steps that this test started, told by an argument that nothing else has."""
    return [process.pid for process in descendants(os.getpid()) if mark in process.command]


def temporary(home: Path) -> list[str]:
    return [path.name for path in (home / "l").glob("tmp-*")]


def test_ctrl_c_ends_an_endless_step_within_seconds(modal, write, engine):
    write("app.py", ENDLESS.format(name="ctrl-c", name_digits="601"))
    running = modal.start("run", "app.py")
    running.wait_for("begun")
    wait_until(lambda: processes("sleep 3601"), 10, what="the step's process")
    running.signal(signal.SIGINT)
    running.wait(15)
    wait_until(lambda: not processes("sleep 3601"), 5, what="the end of the step's process")
    wait_until(lambda: not temporary(engine.home), 5, what="the end of the half layer")


def test_an_engine_that_is_killed_during_a_step_leaves_nothing_of_it(modal, write, engine):
    write("app.py", ENDLESS.format(name="killed", name_digits="602"))
    running = modal.start("run", "app.py")
    running.wait_for("begun")
    engine.kill()
    wait_until(lambda: not processes("sleep 3602"), 10, what="the end of the step's process")
    running.end()
    engine.start()
    assert not temporary(engine.home)

    write("app.py", ENDLESS.format(name="killed", name_digits="602").replace("sleep 3602", "true"))
    said = modal("run", "app.py")
    assert "BUILT" in said.out
    assert "date +%s%N" not in said.text, "the step before was whole"


FUNCTION = """
    import modal


    def prepare():
        import subprocess

        open("/opt/prepared", "w").write("whole")
        print("preparing", flush=True)
        subprocess.run(["sleep", "{seconds}"])


    image = modal.Image.debian_slim().run_function(prepare)
    app = modal.App("wire-function", image=image)


    @app.function()
    def look():
        print("BUILT", open("/opt/prepared").read())
    """


def test_an_engine_that_is_killed_during_a_build_function_ends_it(modal, write, engine):
    write("app.py", FUNCTION.format(seconds="3603"))
    running = modal.start("run", "app.py")
    running.wait_for("preparing")
    engine.kill()
    running.end()
    assert processes("sleep 3603"), "containers outlive their engine"
    engine.start()
    wait_until(lambda: not processes("sleep 3603"), 15, what="the end of the function")
    write("app.py", FUNCTION.format(seconds="0"))
    assert "BUILT whole" in modal("run", "app.py").lines
    assert not temporary(engine.home)


@pytest.mark.once_as("user")
def test_two_clients_that_want_the_same_build_it_once(modal, write):
    app = """
        import modal

        def prepare():
            import time

            time.sleep(1)
            open("/opt/function", "w").write(str(time.time()))


        image = modal.Image.debian_slim().run_commands("sleep 1; date +%s%N > /opt/step")
        image = image.run_function(prepare)
        app = modal.App("{name}", image=image)


        @app.function()
        def look():
            print("BUILT", open("/opt/step").read().strip(), open("/opt/function").read())
        """
    said = []
    for name in ("one", "two"):
        write(f"{name}.py", app.format(name=name))
    threads = [
        threading.Thread(target=lambda name=name: said.append(modal("run", f"{name}.py")))
        for name in ("one", "two")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    built = [next(line for line in outcome.lines if line.startswith("BUILT")) for outcome in said]
    assert len(built) == 2
    assert built[0] == built[1]


@pytest.mark.once_as("root")
def test_who_is_stopped_does_not_take_the_build_of_another_with_it(modal, write, engine):
    for name in ("one", "two"):
        write(f"{name}.py", FUNCTION.format(seconds="2").replace("wire-function", f"wire-shared-{name}"))
    one = modal.start("run", "one.py")
    one.wait_for("preparing")
    two = modal.start("run", "two.py")
    two.wait_for("run_function")
    one.signal(signal.SIGINT)
    one.wait(15)
    assert two.wait(60) == 0, two.text
    assert "BUILT whole" in two.text


@pytest.mark.once_as("user")
@pytest.mark.parametrize(
    ("step", "seen"),
    [
        ("printf 'no newline at the end'", "no newline at the end"),
        (r"printf 'bytes \\377\\376 \\000 that are no text\\n'", "that are no text"),
        ("head -c 3000000 /dev/zero | tr '\\\\0' x; echo; echo the end", "the end"),
    ],
    ids=["no newline", "binary", "long"],
)
def test_strange_output_of_a_step_arrives(modal, write, step, seen):
    write(
        "app.py",
        f"""
        import modal

        app = modal.App("wire-output", image=modal.Image.debian_slim().run_commands("{step}"))


        @app.function()
        def look():
            print("BUILT")
        """,
    )
    said = modal("run", "app.py")
    assert seen in said.out
    assert "BUILT" in said.lines


STEPS = """
    import modal


    def sixth():
        import time

        time.sleep(0.3)
        open("/srv/6", "w").write("6")


    image = modal.Image.debian_slim()
    for number in range(1, 6):
        earlier = number - 1
        step = f"sleep 0.2; test $(ls /srv | wc -l) = {earlier} && echo {number} > /srv/{number}"
        image = image.run_commands(step)
    app = modal.App("wire-killed-often", image=image.run_function(sixth))


    @app.function()
    def look():
        print("BUILT", *[open(f"/srv/{number}").read().strip() for number in range(1, 7)])
    """


def test_a_build_may_be_killed_at_any_moment(modal, write, engine):
    """Each time the build goes on where it was, on layers that are whole."""
    chance = random.Random(20261126)
    write("app.py", STEPS)
    for number in (1, 3, 5, 6):
        running = modal.start("run", "app.py")
        running.wait_for(rf"> /srv/{number}" if number < 6 else r"run_function\(sixth")
        moment = time.monotonic() + chance.uniform(0.0, 0.35)
        wait_until(lambda moment=moment: time.monotonic() > moment, 5)
        engine.kill()
        running.end()
        engine.start()
        wait_until(lambda: not temporary(engine.home), 10, what="the end of half layers")
    said = modal("run", "app.py")
    assert "BUILT 1 2 3 4 5 6" in said.lines
    wait_until(lambda: not temporary(engine.home), 10, what="the end of half layers")
    assert not temporary(engine.home)


def test_a_disk_that_fills_up_ends_the_step_and_leaves_nothing(account, folder, write):
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    small = account.make_folder(account.base / "small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "tmpfs", small], check=True)
    engine = Engine(account, account.make_folder(small / "hp"))
    try:
        account.own(small)
        engine.start()
        modal = Command(account, folder, [str(BIN / "modal")], engine.client_environment)
        app = """
            import modal

            image = modal.Image.debian_slim().run_commands("{step}")
            app = modal.App("wire-full", image=image)


            @app.function()
            def look():
                print("BUILT")
            """
        write("app.py", app.format(step="head -c 900000000 /dev/zero > /opt/big"))
        said = modal("run", "app.py", fails=True)
        assert "No space left on device" in said.text
        assert "homeport image prune" in said.text
        assert not temporary(engine.home)
        write("app.py", app.format(step="echo small > /opt/small"))
        assert "BUILT" in modal("run", "app.py").lines
    finally:
        engine.stop()
        subprocess.run(["umount", small], check=True)
