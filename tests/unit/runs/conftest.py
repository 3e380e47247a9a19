"""A played engine with records for each test, closed after it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.run_world import PlayRuns, RunWorld


@pytest.fixture
def play(tmp_path: Path) -> PlayRuns:
    """Runs a test's coroutine function against a fresh engine."""

    def run(scene: Callable[[RunWorld], Awaitable[None]]) -> None:
        async def whole() -> None:
            world = RunWorld(tmp_path / "home")
            await world.open()
            try:
                await asyncio.wait_for(scene(world), 20.0)
            finally:
                await world.close()

        asyncio.run(whole())

    return run
