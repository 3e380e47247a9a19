"""How many runs are kept: calls that come by themselves push out nothing that somebody started."""

import asyncio

import pytest

from homeport.control.runs.writer import RunWriter
from homeport.model.home import Home
from homeport.store.database import Database


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
