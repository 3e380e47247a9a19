"""What is cleared away, and what is not: images, layers, mounts, logs."""

import asyncio
import os
import time
from hashlib import sha256
from pathlib import Path

import pytest
from modal_proto import api_pb2

from homeport.control.images import BUILT
from homeport.control.mounts import Mounts, tree_file
from homeport.control.sweep import KEPT_S, Sweep
from homeport.model.errors import NotFoundError
from homeport.model.home import Home
from homeport.model.ids import APP, DEFINITION, FUNCTION, IMAGE, TASK, new_id
from homeport.store.blobs import BlobStore
from homeport.store.database import Database
from tests.unit.images.workshop import Shop, Workshop, definition

NOTHING: frozenset[str] = frozenset()


def test_an_image_in_use_keeps_its_layers_and_others_go(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        lower = await shop.derive("RUN echo lower > /opt/lower")
        upper = await shop.derive("RUN echo upper > /opt/upper", base=lower.image_id)
        other = await shop.derive("RUN echo other > /opt/other")
        log = shop.workshop.home.logs / f"{other.image_id}.log"
        other_layer = shop.images.view(other.image_id).layers[0]
        assert log.exists()
        later = time.time() + 5

        assert await shop.images.sweep(later, frozenset([upper.image_id]))
        assert not log.exists() and not other_layer.exists()
        assert not other_layer.with_name(f"{other_layer.name}.json").exists()
        with pytest.raises(NotFoundError):
            shop.images.view(other.image_id)
        assert await shop.look(upper, "cat /opt/lower /opt/upper") == "lower\nupper"
        assert not list(shop.workshop.home.layers.glob("tmp-*"))

        again = await shop.derive("RUN echo lower > /opt/lower")
        assert again.image_id != lower.image_id and "(as built before)" in shop.output
        again = await shop.derive("RUN echo other > /opt/other")
        assert "(as built before)" not in shop.output
        assert await shop.look(again, "cat /opt/other") == "other"

    workshop.run(use)


def test_bases_pythons_and_clients_stay(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        await shop.derive("RUN echo once > /opt/once")
        kinds = {name: _kind(shop, name) for name in shop.workshop.layers()}
        await shop.images.sweep(time.time() + 5, NOTHING)
        left = shop.workshop.layers()
        assert left == {name for name, kind in kinds.items() if kind != "step"} < kinds.keys()
        assert {kinds[name] for name in left} >= {"base", "python", "client"}
        assert not shop.db.all("all_image_layers")

    workshop.run(use)


def test_what_was_asked_for_lately_stays(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        image = await shop.derive("RUN echo lately > /opt/lately")
        _make_old(shop.db)
        assert await shop.images.sweep(time.time() - KEPT_S, NOTHING) == 0
        assert await shop.look(image, "cat /opt/lately") == "lately"

    workshop.run(use)


def test_what_a_task_had_lately_stays_also_with_another_engine(workshop: Workshop) -> None:
    ids: list[str] = []

    async def build(shop: Shop) -> None:
        ids.append((await shop.derive("RUN echo task > /opt/task")).image_id)
        ids.append((await shop.derive("RUN echo none > /opt/none")).image_id)
        _make_old(shop.db)
        _add_task(shop.db, ids[0], finished_at=time.time())

    async def sweep(shop: Shop) -> None:
        await shop.images.sweep(time.time() - KEPT_S, NOTHING)
        assert shop.images.get(ids[0]).state == BUILT
        with pytest.raises(NotFoundError):
            shop.images.get(ids[1])

    workshop.run(build)
    workshop.run(sweep)


def test_nothing_goes_while_something_is_built(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        base = await shop.base()
        started = await shop.images.get_or_create(
            definition("FROM base", "RUN sleep 0.3", base_images={"base": base})
        )
        assert await shop.images.sweep(time.time() + 5, NOTHING) is None
        assert (await shop.wait(started.image_id)).state == BUILT
        assert await shop.images.sweep(time.time() + 5, frozenset([started.image_id]))
        assert shop.images.get(started.image_id).state == BUILT
        with pytest.raises(NotFoundError):
            shop.images.get(base)

    workshop.run(use)


def test_mounts_without_use_go(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    db = Database(home.database)
    mounts = Mounts(db, home, BlobStore(home.blobs, None))

    async def use() -> None:
        async def mount(text: str, name: str | None = None) -> str:
            digest = sha256(text.encode()).hexdigest()
            await mounts.put_file(digest, text.encode())
            return (await mounts.create([tree_file("/root/a.py", digest, None)], name=name)).mount_id

        used, unused, named = await mount("used"), await mount("unused"), await mount("named", "n")
        trees = {mount_id: mounts.tree(mount_id) for mount_id in (used, unused, named)}
        assert await mounts.sweep(time.time() - 5, NOTHING) == 0
        assert await mounts.sweep(time.time() + 5, frozenset([used])) == 1
        assert [bool(tree and tree.exists()) for tree in trees.values()] == [True, False, True]
        with pytest.raises(NotFoundError):
            mounts.tree(unused)
        tree = mounts.tree(await mount("unused"))
        assert tree is not None and (tree / "root/a.py").read_text() == "unused"

    asyncio.run(use())
    db.close()


class Part:
    """Remembers what it was told is in use."""

    def __init__(self) -> None:
        self.named: frozenset[str] = NOTHING
        self.answer: int | None = 0

    async def sweep(self, before: float, named: frozenset[str]) -> int | None:
        self.named = named
        return self.answer


def test_what_functions_of_living_apps_name_is_in_use(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    db = Database(home.database)
    now = time.time()
    ids = {age: new_id(IMAGE) for age in (None, 1.0, 2.0)}
    for age, image_id in ids.items():  # in months since the app's end
        _add_function(db, image_id, stopped_at=None if age is None else now - age * 0.9 * KEPT_S)
    part = Part()
    sweep = Sweep(home, db, (part,))
    assert asyncio.run(sweep.look(now))
    assert part.named == {ids[None], ids[1.0]}
    part.answer = None
    assert not asyncio.run(sweep.look(now))
    db.close()


def test_old_logs_go_but_those_of_what_runs(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    db = Database(home.database)
    now = time.time()
    live, ended = _add_task(db, "im-1", finished_at=None), _add_task(db, "im-1", finished_at=now - 2 * KEPT_S)
    fresh = new_id(TASK)
    for task_id, age in ((live, 2), (ended, 2), (fresh, 0)):
        file = home.logs / f"{task_id}.log"
        file.write_text("x")
        os.utime(file, (now - age * KEPT_S,) * 2)
    (home.logs / "notes.txt").write_text("mine")
    os.utime(home.logs / "notes.txt", (1, 1))
    asyncio.run(Sweep(home, db, ()).look(now))
    assert {file.name for file in home.logs.iterdir()} == {f"{live}.log", f"{fresh}.log", "notes.txt"}
    db.close()


def _kind(shop: Shop, name: str) -> str:
    kind: str = shop.images._store.facts(shop.workshop.home.layers / name)["kind"]
    return kind


def _make_old(db: Database) -> None:
    long_ago = time.time() - 2 * KEPT_S
    db._connection.execute("UPDATE images SET created_at = ?, finished_at = ?", (long_ago, long_ago))


def _add_task(db: Database, image_id: str, finished_at: float | None) -> str:
    task_id = new_id(TASK)
    db._connection.execute(
        "INSERT INTO tasks (task_id, app_id, function_id, definition_id, image_id, state, enqueued_at,"
        " finished_at) VALUES (?, 'ap-1', 'fu-1', 'de-1', ?, 1, 1, ?)",
        (task_id, image_id, finished_at),
    )
    return task_id


def _add_function(db: Database, image_id: str, stopped_at: float | None) -> None:
    app_id = new_id(APP)
    db._connection.execute(
        "INSERT INTO apps (app_id, environment, description, state, created_at, stopped_at)"
        " VALUES (?, 'main', '', 1, 1, ?)",
        (app_id, stopped_at),
    )
    data = api_pb2.FunctionData()
    data.ranked_functions.add().function.image_id = image_id
    function_id, definition_id = new_id(FUNCTION), new_id(DEFINITION)
    db.run(
        "function_insert",
        function_id=function_id,
        definition_id=definition_id,
        app_id=app_id,
        tag="f",
        is_build_step=False,
        created_at=1,
    )
    db.run(
        "definition_insert",
        definition_id=definition_id,
        function_id=function_id,
        definition=data.SerializeToString(),
        handle_metadata=b"",
        client_version="1.6.4",
        created_at=1,
    )
