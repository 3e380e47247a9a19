"""Layers appear whole or not at all."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from homeport.model.home import Home
from homeport.runtime.layers import LayerStore, layer_name, tree_bytes


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.create()
    return home


async def fill(tree: Path) -> dict[str, Any]:
    (tree / "file").write_text("x")
    return {"kind": "test"}


def test_a_layer_is_made_once_and_keeps_its_facts(home: Home) -> None:
    async def use() -> None:
        store = LayerStore(home)
        layer = await store.make("key", fill)
        assert layer == store.path("key")
        assert (layer / "file").read_text() == "x"
        assert store.facts(layer) == {"kind": "test", "size_bytes": tree_bytes(layer)}

        async def never(tree: Path) -> None:
            raise AssertionError("made twice")

        assert await LayerStore(home).make("key", never) == layer

    asyncio.run(use())


def test_requests_at_once_share_the_making(home: Home) -> None:
    made = []

    async def slow(tree: Path) -> None:
        made.append(tree)
        await asyncio.sleep(0.05)

    async def use() -> None:
        store = LayerStore(home)
        first, second, other = await asyncio.gather(
            store.make("a", slow), store.make("a", slow), store.make("b", slow)
        )
        assert first == second != other

    asyncio.run(use())
    assert len(made) == 2


def test_a_failure_leaves_nothing_and_may_be_tried_again(home: Home) -> None:
    async def fail(tree: Path) -> None:
        (tree / "half").write_text("x")
        raise ValueError("no")

    async def use() -> None:
        store = LayerStore(home)
        with pytest.raises(ValueError, match="no"):
            await store.make("key", fail)
        assert list(home.layers.iterdir()) == []
        await store.make("key", fill)

    asyncio.run(use())


def test_one_who_gives_up_does_not_stop_the_others(home: Home) -> None:
    go = asyncio.Event()

    async def waiting(tree: Path) -> None:
        await go.wait()

    async def use() -> None:
        store = LayerStore(home)
        first = asyncio.create_task(store.make("key", waiting))
        second = asyncio.create_task(store.make("key", waiting))
        await asyncio.sleep(0)
        assert store.is_being_made("key")
        first.cancel()
        await asyncio.sleep(0)
        go.set()
        assert (await second).is_dir()
        assert not store.is_being_made("key")

    asyncio.run(use())


def test_what_nobody_waits_for_any_more_is_ended_and_may_be_begun_again(home: Home) -> None:
    ended = []

    async def forever(tree: Path) -> None:
        try:
            await asyncio.sleep(600)
        finally:
            ended.append(tree)

    async def use() -> None:
        store = LayerStore(home)
        callers = [asyncio.create_task(store.make("key", forever)) for _ in range(2)]
        await asyncio.sleep(0.01)
        callers[0].cancel()
        await asyncio.sleep(0.01)
        assert not ended
        callers[1].cancel()
        await asyncio.wait(callers)
        assert len(ended) == 1
        assert list(home.layers.iterdir()) == []
        assert (await store.make("key", fill)).is_dir()

    asyncio.run(use())


def test_closing_stops_what_is_being_made(home: Home) -> None:
    async def forever(tree: Path) -> None:
        await asyncio.sleep(600)

    async def use() -> None:
        store = LayerStore(home)
        making = asyncio.create_task(store.make("key", forever))
        await asyncio.sleep(0.01)
        await store.close()
        with pytest.raises(asyncio.CancelledError):
            await making

    asyncio.run(use())
    assert list(home.layers.iterdir()) == []


def test_names_are_short_and_stand_for_the_whole_key() -> None:
    assert len(layer_name("x" * 1000)) == 13
    assert layer_name("a") != layer_name("b")
