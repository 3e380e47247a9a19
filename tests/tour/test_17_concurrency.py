"""Containers that take several inputs at once: side by side, or as one batch."""

import pytest

pytestmark = pytest.mark.once_as("user")


def test_a_concurrent_function_works_on_several_inputs_in_one_container(modal, write):
    write(
        "app.py",
        """
        import asyncio
        import os
        import threading
        import time

        import modal

        app = modal.App("tour-concurrent")
        together = 0


        @app.function(max_containers=1)
        @modal.concurrent(max_inputs=4)
        async def wait(n: int):
            global together
            together += 1
            while together < 4:  # ends only when four are here
                await asyncio.sleep(0.01)
            return n, os.environ["MODAL_TASK_ID"]


        @app.cls(max_containers=1)
        @modal.concurrent(max_inputs=3)
        class Meeting:
            @modal.enter()
            def prepare(self):
                self.barrier = threading.Barrier(3)

            @modal.method()
            def meet(self, n: int):
                self.barrier.wait(20)
                return n


        @app.local_entrypoint()
        def main():
            answers = list(wait.map(range(4)))
            print("async", [n for n, _ in answers], len({task for _, task in answers}))
            print("sync", list(Meeting().meet.map(range(6))))
        """,
    )
    said = modal("run", "app.py")
    assert "async [0, 1, 2, 3] 1" in said.lines
    assert "sync [0, 1, 2, 3, 4, 5]" in said.lines


def test_more_containers_start_at_the_target_than_at_the_maximum(modal, write):
    write(
        "app.py",
        """
        import asyncio
        import os

        import modal

        app = modal.App("tour-concurrent-target")


        @app.function()
        @modal.concurrent(max_inputs=20, target_inputs=2)
        async def aim(n: int):
            await asyncio.sleep(4)
            return os.environ["MODAL_TASK_ID"]


        @app.function()
        @modal.concurrent(max_inputs=20)
        async def fill(n: int):
            await asyncio.sleep(1)
            return os.environ["MODAL_TASK_ID"]


        @app.local_entrypoint()
        def main():
            print("fill", len(set(fill.map(range(4)))))
            aim.spawn_map(range(4))
            running = 0
            for _ in range(30):
                running = max(running, aim.get_current_stats().num_total_runners)
            print("aim", running)
        """,
    )
    said = modal("run", "app.py")
    assert "fill 1" in said.lines
    assert "aim 2" in said.lines


def test_a_batched_function_gets_lists(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-batched")


        @app.function(max_containers=1)
        @modal.batched(max_batch_size=4, wait_ms=1000)
        def double(xs: list[int]) -> list[int]:
            print("batch of", len(xs))
            return [x * 2 for x in xs]


        @app.cls(max_containers=1)
        class Model:
            @modal.batched(max_batch_size=2, wait_ms=500)
            async def triple(self, xs: list[int], ys: list[int]) -> list[int]:
                return [x * 3 + y for x, y in zip(xs, ys)]


        @app.local_entrypoint()
        def main():
            print("doubled", list(double.map(range(8))))
            print("alone", double.remote(21))
            print("tripled", list(Model().triple.starmap([(1, 0), (2, 1), (3, 2)])))
        """,
    )
    said = modal("run", "app.py")
    assert "doubled [0, 2, 4, 6, 8, 10, 12, 14]" in said.lines
    assert "alone 42" in said.lines
    assert "tripled [3, 7, 11]" in said.lines
    sizes = [int(line.split()[-1]) for line in said.lines if line.startswith("batch of")]
    assert sizes.count(4) >= 1
    assert sum(sizes) == 9
