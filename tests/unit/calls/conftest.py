"""A played engine for each test, closed after it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from homeport.plan.resources import Machine
from tests.support.call_world import CallWorld, Play


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs a test's coroutine function against a fresh engine."""

    def run(scene: Callable[[CallWorld], Awaitable[None]], machine: Machine | None = None) -> None:
        async def whole() -> None:
            world = CallWorld(tmp_path / "home", machine)
            await world.open()
            try:
                await asyncio.wait_for(scene(world), 20.0)
            finally:
                await world.close()

        asyncio.run(whole())

    return run
