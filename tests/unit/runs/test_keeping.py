"""How many runs are kept: calls that come by themselves push out nothing that somebody started."""

import asyncio

import pytest

from homeport.control.runs.writer import RunWriter
from homeport.model.home import Home
from homeport.store.database import Database

IN_USE = {
    "environment": "main",
    "name": "a",
    "description": "",
    "state": 1,
    "detached": 0,
    "created_at": 0.0,
    "heartbeat_at": 0.0,
    "tags": "{}",
}


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    home.create()
    return home


def add(db, home, kind, function, started_at):
    run_id = f"{kind}-{function}-{started_at}"
    db.run(
        "run_restore",
        run_id=run_id,
        app_id=f"ap-{kind}",
        kind=kind,
        state="succeeded",
        app="a",
        environment="main",
        function=function,
        outcome="",
        contract="",
        verdict="",
        started_at=started_at,
        ended_at=started_at + 1,
    )
    (home.runs / f"{run_id}.json").write_text("{}")
    return run_id


def test_the_oldest_go_of_what_was_started_and_of_each_functions_calls(home):
    db = Database(home.database)
    runs = [add(db, home, "run", "train", at) for at in range(5)]
    ticks = [add(db, home, "schedule", "tick", at) for at in range(100, 120)]
    calls = [add(db, home, "call", "serve", at) for at in range(200, 203)]
    asyncio.run(RunWriter(home, db, kept=3, kept_calls=4).prune())
    kept = runs[2:] + ticks[-4:] + calls
    assert {row["run_id"] for row in db.all("run_ids")} == set(kept)
    assert {path.stem for path in home.runs.glob("*.json")} == set(kept)
    db.close()


@pytest.mark.parametrize(
    ("keep", "before", "gone"),
    [(0, 99.0, [0, 1, 2]), (2, 99.0, [0]), (0, 2.5, [0, 1]), (2, 1.5, [0]), (3, 99.0, []), (0, 0.5, [])],
)
def test_what_is_beyond_a_number_and_an_age_is_removed_on_demand(home, keep, before, gone):
    """They end a second after they began."""
    db = Database(home.database)
    runs = [add(db, home, "run", "train", at) for at in range(3)]
    live = "ap-live"
    db.run("run_insert", run_id=live, app_id=live, kind="run", app="a", environment="main", started_at=-1.0)
    used = add(db, home, "deployment", "", -5)
    db.run("add_app", app_id="ap-deployment", **IN_USE)
    writer = RunWriter(home, db)

    said = asyncio.run(writer.remove(keep=keep, before=before, dry_run=True))
    assert len(db.all("run_ids")) == 5, "a dry run removes nothing"
    removed = asyncio.run(writer.remove(keep=keep, before=before, dry_run=False))

    assert said == removed
    assert removed.run_ids == tuple(runs[at] for at in gone)
    assert removed.freed_bytes == 2 * len(gone)
    left = {run_id for at, run_id in enumerate(runs) if at not in gone}
    assert {row["run_id"] for row in db.all("run_ids")} == {*left, live, used}
    assert {path.stem for path in home.runs.glob("*.json")} == {*left, used}
    db.close()
