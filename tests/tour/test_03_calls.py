"""Calls: remote, spawn, map, generators, async, nested, cancelled, with big values."""

import re

import pytest

from tests.support.commands import interrupt


@pytest.mark.once_as("root")
def test_map_starmap_for_each_and_gather(modal, write):
    write(
        "app.py",
        """
        import sys

        import modal

        app = modal.App("tour-map")


        @app.function()
        def square(n):
            return n * n


        @app.function()
        def note(n):
            sys.stdout.write(f"noted {n}\\n")  # in one piece: print() writes several, and two containers do


        @app.function()
        def power(base, exponent=2):
            return base**exponent


        @app.function()
        def odd_fails(n):
            if n % 2:
                raise ValueError(f"{n} is odd")
            return n


        @app.local_entrypoint()
        def main():
            print("map", list(square.map(range(20))))
            print("any order", sorted(square.map(range(5), order_outputs=False)))
            print("starmap", list(power.starmap([(2, 3), (3, 2)], kwargs={})))
            print("kwargs", list(power.map([1, 2, 3], kwargs={"exponent": 3})))
            note.for_each(range(3))
            print("exceptions", [type(r).__name__ for r in odd_fails.map(range(4), return_exceptions=True)])
            calls = [square.spawn(7), power.spawn(2, 5)]
            print("gather", modal.FunctionCall.gather(*calls))
        """,
    )
    said = modal("run", "app.py")
    assert f"map {[n * n for n in range(20)]}" in said.lines
    assert "any order [0, 1, 4, 9, 16]" in said.lines
    assert "starmap [8, 9]" in said.lines
    assert "kwargs [1, 8, 27]" in said.lines
    assert {"noted 0", "noted 1", "noted 2"} <= set(said.lines)
    assert "exceptions ['int', 'ValueError', 'int', 'ValueError']" in said.lines
    assert "gather [49, 32]" in said.lines


@pytest.mark.once_as("user")
def test_async_functions_generators_and_async_calls(modal, write):
    write(
        "app.py",
        """
        import asyncio

        import modal

        app = modal.App("tour-async")


        @app.function()
        async def slow_double(n):
            await asyncio.sleep(0)
            return 2 * n


        @app.function()
        def count(n):
            for i in range(n):
                yield i


        @app.function()
        async def letters(word):
            for letter in word:
                yield letter


        @app.function()
        def breaks():
            yield "first"
            raise RuntimeError("after the first")


        @app.local_entrypoint()
        async def main():
            print("aio", await slow_double.remote.aio(4))
            print("together", await asyncio.gather(*[slow_double.remote.aio(n) for n in range(5)]))
            print("async map", [r async for r in slow_double.map.aio(range(4))])
            print("async starmap", [r async for r in slow_double.starmap.aio([(5,), (6,)])])
            await slow_double.for_each.aio([7])
            calls = [await slow_double.spawn.aio(n) for n in (8, 9)]
            print("spawned", await calls[0].get.aio(), await modal.FunctionCall.gather.aio(*calls))
            print("generator", [i async for i in count.remote_gen.aio(5)])
            print("async generator", [c async for c in letters.remote_gen.aio("cat")])
            print("local", list(count.local(2)), await slow_double.local(1))
            try:
                async for value in breaks.remote_gen.aio():
                    print("got", value)
            except RuntimeError as error:
                print("raised", error)
        """,
    )
    said = modal("run", "app.py")
    assert "aio 8" in said.lines
    assert "together [0, 2, 4, 6, 8]" in said.lines
    assert "async map [0, 2, 4, 6]" in said.lines
    assert "async starmap [10, 12]" in said.lines
    assert "spawned 16 [16, 18]" in said.lines
    assert "generator [0, 1, 2, 3, 4]" in said.lines
    assert "async generator ['c', 'a', 't']" in said.lines
    assert "local [0, 1] 2" in said.lines
    assert "got first" in said.lines
    assert "raised after the first" in said.lines


@pytest.mark.once_as("user")
def test_functions_call_functions_and_big_values_go_both_ways(modal, write):
    write(
        "app.py",
        """
        import hashlib

        import modal

        app = modal.App("tour-nested")


        @app.function()
        def digest(data: bytes) -> tuple[str, bytes]:
            return hashlib.sha256(data).hexdigest(), data[::-1]


        @app.function()
        def outer(data: bytes):
            nested = digest.remote(data)
            return nested, sum(len(d[1]) for d in digest.map([data, data]))


        @app.function()
        def fetch(call_id):
            from modal import FunctionCall

            return len(FunctionCall.from_id(call_id).get()[1])


        @app.function()
        def chunks():
            yield b"c" * (3 << 20)


        @app.local_entrypoint()
        def main():
            data = bytes(range(256)) * (3 << 12)  # 3 MiB
            (hexdigest, back), total = outer.remote(data)
            print(hexdigest == hashlib.sha256(data).hexdigest(), back == data[::-1], total == 2 * len(data))
            call = digest.spawn(data)
            print("spawned", call.get()[1] == data[::-1], "fetched there", fetch.remote(call.object_id))
            print("generated", [len(chunk) for chunk in chunks.remote_gen()])
        """,
    )
    said = modal("run", "app.py")
    assert "True True True" in said.lines
    assert f"spawned True fetched there {3 << 20}" in said.lines
    assert f"generated [{3 << 20}]" in said.lines


@pytest.mark.once_as("user")
def test_a_spawned_calls_result_is_fetched_by_another_process(modal, python, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-spawn")


        @app.function()
        def slow(n):
            import time

            time.sleep(0.2)
            return n + 1


        @app.function()
        def fails():
            raise LookupError("no such cat")
        """,
    )
    write(
        "spawn.py",
        """
        import modal

        slow = modal.Function.from_name("tour-spawn", "slow")
        call = slow.spawn(41)
        try:
            call.get(timeout=0)
            print("too early")
        except TimeoutError:
            print("not yet")
        print(call.object_id, modal.Function.from_name("tour-spawn", "fails").spawn().object_id)
        """,
    )
    write(
        "fetch.py",
        """
        import sys

        import modal

        good, bad = [modal.FunctionCall.from_id(id) for id in sys.argv[1:]]
        print("result", good.get(timeout=20), "again", good.get())
        try:
            bad.get(timeout=20)
        except LookupError as error:
            print("raised", error)
        """,
    )
    modal("deploy", "app.py")
    spawned = python("spawn.py")
    assert "not yet" in spawned.lines
    ids = re.findall(r"fc-\w+", spawned.out)
    fetched = python("fetch.py", *ids)
    assert "result 42 again 42" in fetched.lines
    assert "raised no such cat" in fetched.lines
    modal("app", "stop", "tour-spawn", "--yes")


@pytest.mark.once_as("root")
def test_a_cancelled_call_stops_in_its_container_which_goes_on(modal, write, account):
    write(
        "app.py",
        """
        import time

        import modal

        app = modal.App("tour-cancel")


        @app.function(max_containers=1)
        def work(n):
            print("started", n, flush=True)
            for _ in range(600):
                time.sleep(0.1)
            return "never"


        @app.function(max_containers=1)
        async def quick():
            return "still here"


        @app.local_entrypoint()
        def main():
            call = work.spawn(1)
            try:
                call.get(timeout=2)
            except TimeoutError:
                call.cancel()
            try:
                print(call.get(timeout=20))
            except BaseException as error:
                print("cancelled:", type(error).__name__)
            other = work.spawn(2)
            other.cancel(terminate_containers=True)
            print(quick.remote())
        """.replace(
            "timeout=2)", f"timeout={8 if account.is_closed else 2})"
        ),  # a start under proot is slower
    )
    said = modal("run", "app.py")
    assert "started 1" in said.lines
    assert any(line.startswith("cancelled: ") for line in said.lines)
    assert "never" not in said.text
    assert "still here" in said.lines


def test_ctrl_c_stops_the_app_and_its_containers(modal, write):
    write(
        "app.py",
        """
        import time

        import modal

        app = modal.App("tour-ctrl-c")


        @app.function()
        def train():
            for step in range(600):
                print("step", step, flush=True)
                time.sleep(0.1)
        """,
    )
    running = modal.start("run", "app.py")
    running.wait_for("step 3")
    interrupt(running)
    running.wait(20)
    assert "This will terminate your Modal app" in running.text
    assert "Traceback" not in running.text
    listed = modal("app", "list", "--json").out
    assert re.search(r"tour-ctrl-c.*?stopped", listed, re.DOTALL | re.IGNORECASE), listed
