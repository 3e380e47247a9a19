"""What is cleared away, and what is not: images, layers, mounts, logs."""

import asyncio
import os
import time
from hashlib import sha256
from pathlib import Path

import pytest
from modal_proto import api_pb2

from homeport.control import deployments
from homeport.control.images import BUILT
from homeport.control.mounts import Mounts, tree_file
from homeport.control.sweep import KEPT_S, Sweep
from homeport.model.errors import FailedPreconditionError, NotFoundError
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
        assert not shop.db.all("images_by_use")

    workshop.run(use)


def test_what_was_asked_for_lately_stays_also_with_another_engine(workshop: Workshop) -> None:
    ids: list[str] = []

    async def ask(shop: Shop) -> None:
        ids.append((await shop.derive("RUN echo lately > /opt/lately")).image_id)
        _make_old(shop.db)

    async def again(shop: Shop) -> None:
        await shop.derive("RUN echo lately > /opt/lately")

    async def sweep(shop: Shop) -> None:
        await shop.images.sweep(time.time() - KEPT_S, NOTHING)
        assert shop.images.get(ids[0]).state == BUILT

    for use in (ask, again, sweep):
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


def test_what_is_being_built_stays_and_what_it_is_built_on(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        below = await shop.derive("RUN echo below > /opt/below")
        other = await shop.derive("RUN echo other > /opt/other")
        layer = shop.images.view(below.image_id).layers[0]
        started = await shop.images.get_or_create(
            definition(
                "FROM base", "RUN sleep 0.3", "RUN cat /opt/below", base_images={"base": below.image_id}
            )
        )
        await asyncio.sleep(0.1)
        assert await shop.images.sweep(time.time() + 5, NOTHING)
        assert layer.is_dir(), "the build stands on it"
        with pytest.raises(NotFoundError):
            shop.images.get(other.image_id)
        assert (await shop.wait(started.image_id)).state == BUILT

    workshop.run(use)


def test_a_cache_over_its_limit_gives_up_what_was_used_the_longest_ago(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        await shop.images.sweep(time.time() + 5, NOTHING)
        make = "RUN head -c 2000000 /dev/zero > /opt/{}"
        images = [await shop.derive(make.format(name)) for name in ("first", "second", "third")]
        for age, image in zip((300, 200, 100), images, strict=True):
            _use(shop.db, image.image_id, time.time() - age)
        shop.images.cache.limit_bytes = 5_000_000
        await shop.images.cache.enforce(NOTHING)
        with pytest.raises(NotFoundError):
            shop.images.get(images[0].image_id)
        assert await shop.look(images[1], "wc -c < /opt/second") == "2000000"
        _use(shop.db, images[1].image_id, time.time() - 200)

        _add_task(shop.db, images[1].image_id, finished_at=None)
        await shop.derive(make.format("fourth"))  # what is built makes room
        await asyncio.sleep(0.1)
        assert shop.images.get(images[1].image_id).state == BUILT, "a container has it"
        with pytest.raises(NotFoundError):
            shop.images.get(images[2].image_id)

    workshop.run(use)


def test_images_of_a_running_app_stay_though_no_function_names_them_yet(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        app_id = new_id(APP)
        _add_app(shop.db, app_id, None)
        image = await shop.derive("RUN echo asked > /opt/asked", app_id=app_id)
        removal = await shop.images.prune(time.time() + 5, dry_run=True)
        assert image.image_id not in removal.image_ids
        shop.db._connection.execute("UPDATE apps SET stopped_at = 1 WHERE app_id = ?", (app_id,))
        removal = await shop.images.prune(time.time() + 5, dry_run=True)
        assert image.image_id in removal.image_ids
        assert removal.freed_bytes > 0
        assert shop.images.get(image.image_id).state == BUILT, "only said"

    workshop.run(use)


def test_what_builds_fetched_of_packages_goes_when_asked_and_nothing_is_built(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        base = await shop.base()
        fetched = shop.workshop.home.cache / "packages/pip"
        fetched.mkdir(parents=True, exist_ok=True)
        (fetched / "wheel").write_bytes(b"x" * 100_000)
        started = await shop.images.get_or_create(
            definition("FROM base", "RUN sleep 0.4", base_images={"base": base})
        )
        with pytest.raises(FailedPreconditionError, match="being built"):
            await shop.images.clear_packages(dry_run=False)
        await shop.wait(started.image_id)
        alone = await shop.images.clear_packages(dry_run=True)
        assert alone >= 100_000
        (fetched / "in a layer").hardlink_to(fetched / "wheel")
        assert await shop.images.clear_packages(dry_run=True) <= alone - 100_000, "a layer keeps it"
        (fetched / "in a layer").unlink()
        assert (fetched / "wheel").exists()
        assert await shop.images.clear_packages(dry_run=False) >= 100_000
        assert not fetched.exists()
        assert not list(shop.workshop.home.layers.glob("tmp-*"))
        assert (await shop.derive("RUN true")).state == BUILT

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


def test_what_the_last_ten_versions_of_a_deployed_app_name_is_in_use(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    db = Database(home.database)
    images = [new_id(IMAGE) for _ in range(12)]
    function_id = _add_function(db, images[0], stopped_at=None)
    for version, image_id in enumerate(images, start=1):
        definition_id = _add_definition(db, function_id, image_id)
        request = api_pb2.AppPublishRequest(
            app_id=_app_of(db, function_id),
            function_ids={"f": function_id},
            definition_ids={function_id: definition_id},
        )
        deployments.add_version(db, request, "1.6.4", float(version))
    part = Part()
    asyncio.run(Sweep(home, db, (part,)).look(time.time()))
    assert part.named == set(images[2:])
    app_id = _app_of(db, function_id)
    for version, said in ((2, "the definition of f of it is gone"), (3, f"image {images[2]} of it is gone")):
        with pytest.raises(FailedPreconditionError, match=said):
            deployments.roll_back(db, app_id, version, 13.0)
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
    db._connection.execute("UPDATE images SET created_at = ?1, finished_at = ?1, used_at = ?1", (long_ago,))


def _use(db: Database, image_id: str, at: float) -> None:
    db._connection.execute(
        "UPDATE images SET created_at = ?1, finished_at = ?1, used_at = ?1 WHERE image_id = ?2",
        (at, image_id),
    )


def _add_app(db: Database, app_id: str, stopped_at: float | None) -> None:
    db._connection.execute(
        "INSERT INTO apps (app_id, environment, description, state, created_at, stopped_at)"
        " VALUES (?, 'main', '', 1, 1, ?)",
        (app_id, stopped_at),
    )


def _add_task(db: Database, image_id: str, finished_at: float | None) -> str:
    task_id = new_id(TASK)
    db._connection.execute(
        "INSERT INTO tasks (task_id, app_id, function_id, definition_id, image_id, state, enqueued_at,"
        " finished_at) VALUES (?, 'ap-1', 'fu-1', 'de-1', ?, 1, 1, ?)",
        (task_id, image_id, finished_at),
    )
    return task_id


def _add_function(db: Database, image_id: str, stopped_at: float | None) -> str:
    app_id, function_id = new_id(APP), new_id(FUNCTION)
    _add_app(db, app_id, stopped_at)
    db.run(
        "function_insert",
        function_id=function_id,
        definition_id="",
        app_id=app_id,
        tag="f",
        is_build_step=False,
        created_at=1,
    )
    deployments.put_in_effect(db, {function_id: _add_definition(db, function_id, image_id)})
    return function_id


def _add_definition(db: Database, function_id: str, image_id: str) -> str:
    data = api_pb2.FunctionData()
    data.ranked_functions.add().function.image_id = image_id
    definition_id = new_id(DEFINITION)
    db.run(
        "definition_insert",
        definition_id=definition_id,
        function_id=function_id,
        definition=data.SerializeToString(),
        handle_metadata=b"",
        client_version="1.6.4",
        created_at=1,
    )
    return definition_id


def _app_of(db: Database, function_id: str) -> str:
    row = db._connection.execute("SELECT app_id FROM functions WHERE function_id = ?", (function_id,))
    return str(row.fetchone()[0])
