"""Holding runs to contracts while they go: told each step as runs.py does, with what stops a run replaced."""

import asyncio
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from homeport.control.contracts.files import Held
from homeport.control.contracts.records import ContractRecords
from homeport.control.contracts.watch import ContractWatch
from homeport.model.errors import FailedPreconditionError
from homeport.model.home import Home
from homeport.plan.environment import Variable
from homeport.record.contracts.reading import read
from homeport.record.masking import ExactValues
from homeport.record.run import Argument, Call, Launcher, Note, Place, ShellVariable, SourceFile
from homeport.store.database import Database
from tests.support.world import wait_until

APP = """import os
import modal

app = modal.App("fifty")
settings = modal.Secret.from_dict({k: v for k, v in os.environ.items() if k.startswith("BGB_")})


@app.function(secrets=[settings])
def train(config_path: str = "configs/full.yaml"):
    env = os.environ.copy()
    if "smoke" in config_path.lower():
        env["LIMIT"] = "5"
    subprocess.run(["python", "train.py"], env=env)
"""

FILE = r"""
[contract.full]
when = { function = "train", config_path = "configs/full.yaml" }
forbid_env = ["BGB_LIMIT_FILES", "LIMIT"]
observe = 'Loading (?P<train>\d+) train, (?P<val>\d+) val files'
expect = { train = 3734 }
apart_from = { smoke = "cache" }
reports = ["cache"]

[contract.smoke]
when = { function = "train", config_path = "*smoke*" }
max_minutes = 10
on_violation = "warn"
"""
SALT = b"salt"


@dataclass
class FakeStops:
    said: list[str] = field(default_factory=list)
    stopped: list[tuple[str, str, set[str]]] = field(default_factory=list)

    async def close(self) -> None: ...

    def say(self, app_id: str, task_id: str, sentence: str) -> None:
        self.said.append(sentence)

    def stop(self, run_id: str, app_id: str, sentence: str, task_ids: set[str]) -> None:
        self.stopped.append((run_id, sentence, task_ids))


@dataclass
class FakeSources:
    takes_s: float = 0.0

    def trees(self, app_id: str) -> list[Path]:
        return []

    def files(self, trees: list[Path]) -> tuple[SourceFile, ...]:
        time.sleep(self.takes_s)
        return (SourceFile("/root/app.py", "app"),)

    def read(self, path: str, place: str) -> str | None:
        return APP

    def config(self, note: Note) -> str:
        return "experiment: full\n"

    def defaults(self, app_id: str, function: str, entry: str) -> dict[str, str]:
        return {"config_path": "configs/full.yaml"}


@dataclass
class FakeFiles:
    held: Held | None

    def of(self, app_id: str) -> Held | None:
        return self.held

    def launched(self, app_id: str, launcher: Launcher | None) -> None: ...

    def forget(self, app_id: str) -> None: ...


class World:
    def __init__(self, home: Home, database: Database, text: str = FILE, only: str = "") -> None:
        digest = self.digest("50")
        launcher = Launcher(
            ("modal", "run", "app.py"),
            "/u",
            shell=(ShellVariable("BGB_LIMIT_FILES", digest, Place("/home/u/.bashrc", 14)),),
        )
        file = read(text, "/u/homeport.toml")
        self.held = Held(file.holding(only) if only else file, launcher, "/u/app.py")
        self.home, self.database = home, database
        self.stops = FakeStops()
        self.sources = FakeSources()
        self.earlier_notes: list[Note] = []
        self.now = 1000.0
        self.watch = self.engine()

    def engine(self) -> ContractWatch:
        return ContractWatch(
            FakeFiles(self.held),  # type: ignore[arg-type]
            self.sources,  # type: ignore[arg-type]
            self.stops,  # type: ignore[arg-type]
            ContractRecords(self.home, self.database),
            salt=SALT,
            notes_of=lambda app_id, task_id: self.earlier_notes,
            values_of=lambda app_id: ExactValues(["hunter2hunter2"]),
            now=lambda: self.now,
        )

    @staticmethod
    def digest(value: str) -> str:
        return hashlib.blake2b(value.encode(), key=SALT, digest_size=16).hexdigest()

    def run(self, run_id: str = "ap-1", app_id: str = "ap-1", config: str = "") -> None:
        assert self.watch.watches(run_id, app_id)
        argument = (
            Argument("config_path", f'"{config}"') if config else Argument("config_path", "", "default")
        )
        call_id = run_id if run_id != app_id else "fc-1"
        self.watch.called(run_id, app_id, "fifty", Call(call_id, "train", (argument,), started_at=self.now))

    def container(self, run_id: str = "ap-1", **values: str) -> None:
        origin = "Secret.from_dict (st-1)"
        self.watch.container(
            run_id, "ta-1", "train", {k: Variable(k, v, origin, secret=True) for k, v in values.items()}
        )

    async def acted(self, run_id: str = "ap-1") -> str:
        return await self.watch.acted(run_id)

    async def printed(self, line: str, run_id: str = "ap-1", at: float = 0.0) -> None:
        self.watch.printed(run_id, "ta-1", [(at or self.now, line)])
        await self.acted(run_id)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    found.create()
    return found


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    opened = Database(home.database)
    yield opened
    opened.close()


def in_loop(test):  # type: ignore[no-untyped-def]
    """Runs a test in a loop, which timers need."""

    def run(home: Home, database: Database) -> None:
        async def main() -> None:
            world = World(home, database)
            await test(world)
            await world.watch.close()

        asyncio.run(main())

    return run


@in_loop
async def test_a_default_that_applies_is_an_argument_and_the_contract_is_found(world: World) -> None:
    world.run()
    world.container(HOME="/root")
    await world.printed("Loading 50 train, 10 val files")
    ((run_id, sentence, tasks),) = world.stops.stopped
    assert (run_id, tasks) == ("ap-1", {"ta-1"})
    assert sentence == "Contract full is broken: expected 3734 train files, saw 50."
    assert world.stops.said == []  # the app's own end says it


@in_loop
async def test_a_container_with_a_forbidden_variable_does_not_start(world: World) -> None:
    world.run()
    world.container(BGB_LIMIT_FILES="50")
    sentence = await world.acted()
    assert sentence == (
        "Contract full is broken: BGB_LIMIT_FILES is forbidden here; it came from Secret.from_dict in "
        "app.py:5, which took it from the shell (~/.bashrc:14)."
    )
    assert world.stops.stopped[0][1] == sentence


@in_loop
async def test_the_loop_goes_on_while_sources_are_read(world: World) -> None:
    world.sources.takes_s = 0.3
    world.run()
    world.container(BGB_LIMIT_FILES="50")
    gaps = [0.0]
    waiting = asyncio.ensure_future(world.acted())
    last = time.perf_counter()
    while not waiting.done():
        await asyncio.sleep(0.001)
        gaps.append(time.perf_counter() - last)
        last = time.perf_counter()
    assert "which took it from the shell" in await waiting
    assert sum(gaps) > 0.25 and max(gaps) < 0.2


@in_loop
async def test_a_road_that_takes_long_stops_the_run_first_and_is_told_later(world: World) -> None:
    world.sources.takes_s = 1.2
    world.run()
    began = time.perf_counter()
    world.container(BGB_LIMIT_FILES="50")
    await wait_until(lambda: world.stops.stopped)
    assert time.perf_counter() - began < 1
    assert world.stops.stopped[0][1] == "Contract full is broken: BGB_LIMIT_FILES is forbidden here."
    await world.acted()
    assert world.stops.said == [
        "Contract full, variable BGB_LIMIT_FILES: it came from "
        "Secret.from_dict in app.py:5, which took it from the shell (~/.bashrc:14)."
    ]
    kept = ContractRecords(world.home, world.database).read("ap-1")
    assert kept is not None and kept.contract is not None
    assert "it came from Secret.from_dict" in kept.contract.violations[0].sentence


@in_loop
async def test_an_engine_that_is_killed_while_sources_are_read_leaves_the_stop_to_the_next(
    world: World,
) -> None:
    world.sources.takes_s = 0.3
    world.run()
    world.container()
    world.watch._write(world.watch._runs["ap-1"])
    world.container(BGB_LIMIT_FILES="50")
    killed = world.watch._runs["ap-1"].acting
    assert killed is not None
    await asyncio.sleep(0.1)
    killed.cancel()
    world.watch = world.engine()
    assert world.watch.watches("ap-1", "ap-1") and world.stops.stopped == []
    world.container(BGB_LIMIT_FILES="50")
    assert "which took it from the shell" in await world.acted()


@in_loop
async def test_after_it_was_stopped_nothing_else_is_called(world: World) -> None:
    world.run()
    world.container()
    await world.printed("Loading 50 train, 10 val files")
    world.watch.noted("ap-1", [Note(1001.0, 7, "set", "LIMIT", digest="x", task_id="ta-1")])
    assert len(world.stops.stopped) == 1
    with pytest.raises(FailedPreconditionError, match="expected 3734 train files"):
        world.run()


@in_loop
async def test_what_a_child_is_given_is_told_with_the_line_that_set_it(world: World) -> None:
    world.run(config="configs/full.yaml")
    world.container()
    stack = (Place("/root/app.py", 13, "train"),)
    changes = {"LIMIT": world.digest("5")}
    note = Note(1001.0, 7, "child", argv=("python", "train.py"), changes=changes, stack=stack, task_id="ta-1")
    world.watch.noted("ap-1", [note])
    await world.acted()
    ((_, sentence, _),) = world.stops.stopped
    assert sentence.startswith("Contract full is broken: LIMIT is forbidden here; ")
    assert "app.py:12" in sentence and "python train.py" in sentence


@in_loop
async def test_what_is_kept_of_a_contract_holds_no_value_of_a_secret(world: World) -> None:
    world.run()
    world.container()
    await world.printed(
        "token hunter2hunter2: Loading 50 train, 10 val files ::homeport cache=/hunter2hunter2"
    )
    (file,) = world.home.runs.rglob("contract.json")
    text = file.read_text()
    assert "hunter2hunter2" not in text and "/<masked>" in text and "saw 50" in text


@in_loop
async def test_warnings_let_the_run_go_on(world: World) -> None:
    world.run(config="configs/smoke.yaml")
    world.container(BGB_LIMIT_FILES="50")
    world.now += 601
    world.watch._deadline(world.watch._runs["ap-1"], world.watch._runs["ap-1"].judged["smoke"])
    assert world.stops.stopped == []
    assert world.stops.said == [
        "Contract smoke is broken: expected an end within 10 minutes, and it still ran after 10. "
        '(on_violation is "warn", so the run goes on)'
    ]


@in_loop
async def test_the_end_says_what_never_showed_and_what_matched_nothing(world: World) -> None:
    world.run()
    world.container()
    world.watch.last_word("ap-1", "succeeded")
    world.watch.ended("ap-1", "succeeded")
    assert world.stops.said == [
        "Contract full is not kept: expected train = 3734, and no line ever showed it.",
        "Contract full is not kept: cache has to differ from that of contract smoke, and no line ever showed "
        "it.",
    ], "no word of contract smoke, which is for other runs of the same function"
    kept = ContractRecords(world.home, world.database).read("ap-1")
    assert kept is not None and kept.contract is not None and kept.contract.verdict == "unseen"


@in_loop
async def test_a_run_whose_calls_match_nothing_says_so(world: World) -> None:
    world.run(config="configs/other.yaml")
    world.watch.ended("ap-1", "succeeded")
    (said,) = world.stops.said
    assert said.startswith("No call of this run matched contract full (") and said.endswith(
        "so nothing was checked."
    )


@in_loop
async def test_a_run_that_matches_two_contracts_is_refused(world: World) -> None:
    world.run()
    with pytest.raises(FailedPreconditionError, match="matches the contracts full and smoke of"):
        world.run(config="configs/smoke.yaml")


@in_loop
async def test_runs_of_another_contract_are_remembered(world: World) -> None:
    world.run(config="configs/smoke.yaml")
    await world.printed("::homeport cache=/results/cache")
    world.watch.ended("ap-1", "succeeded")
    world.run("ap-2", "ap-2")
    world.watch.printed("ap-2", "ta-2", [(world.now, "::homeport cache=/results/cache")])
    assert world.stops.stopped[0][1] == (
        "Contract full is broken: cache is /results/cache, as it was in run ap-1 of contract smoke, from "
        "which it has to differ."
    )


@in_loop
async def test_an_engine_that_was_killed_takes_the_run_up_again(world: World) -> None:
    world.run()
    world.container()
    world.watch._write(world.watch._runs["ap-1"])
    world.watch = world.engine()
    assert world.watch.watches("ap-1", "ap-1")
    await world.printed("Loading 50 train, 10 val files")
    assert len(world.stops.stopped) == 1


@in_loop
async def test_a_call_of_a_deployed_app_is_judged_by_what_an_earlier_one_left_in_its_container(
    world: World,
) -> None:
    world.earlier_notes = [
        Note(900.0, 1, "process", argv=("python",), task_id="ta-1"),
        Note(
            950.0, 1, "set", "LIMIT", digest="x", stack=(Place("/root/app.py", 12, "train"),), task_id="ta-1"
        ),
    ]
    world.run("fc-9", "ap-1")
    world.container("fc-9")
    assert "LIMIT is forbidden here" in await world.acted("fc-9")
    assert world.stops.stopped[0][0] == "fc-9"


@in_loop
async def test_lines_of_an_earlier_call_in_the_same_container_are_not_this_runs(world: World) -> None:
    world.run("fc-9", "ap-1")
    world.container("fc-9")
    await world.printed("Loading 50 train, 10 val files", "fc-9", at=world.now - 5)
    assert world.stops.stopped == []
    await world.printed("Loading 50 train, 10 val files", "fc-9", at=world.now + 5)
    assert len(world.stops.stopped) == 1
    assert world.stops.said == [f"{world.stops.stopped[0][1]} The call is ended."]


def test_a_condition_on_configuration_holds_once_the_file_is_opened(home: Home, database: Database) -> None:
    async def main() -> None:
        text = "[contract.full]\nwhen.config = { experiment = 'full' }\nforbid_env = 'LIMIT'\n"
        world = World(home, database, text)
        world.run()
        world.container(LIMIT="5")
        assert world.stops.stopped == []
        world.watch.noted("ap-1", [Note(1001.0, 1, "open", how="r", path="/app/full.yaml", task_id="ta-1")])
        await world.acted()
        assert "LIMIT is forbidden here" in world.stops.stopped[0][1]
        await world.watch.close()

    asyncio.run(main())


def test_a_run_that_asked_for_one_contract_is_held_to_it_whatever_it_calls(
    home: Home, database: Database
) -> None:
    async def scene() -> None:
        other = '[contract.other]\nwhen = { function = "other" }\n'
        world = World(home, database, FILE + other, only="full")
        world.run(config="configs/smoke.yaml")
        await world.printed("Loading 50 train, 10 val files")
        [(_, sentence, _)] = world.stops.stopped
        assert sentence.startswith("Contract full is broken: expected 3734 train files, saw 50")
        world.watch.ended("ap-1", "stopped")
        assert not any("matched contract" in said for said in world.stops.said), world.stops.said
        await world.watch.close()

    asyncio.run(scene())


def test_what_a_contract_asks_of_configuration_is_not_waited_for_where_it_was_asked_for(
    home: Home, database: Database
) -> None:
    async def scene() -> None:
        full = FILE.partition("[contract.smoke]")[0].replace('apart_from = { smoke = "cache" }\n', "")
        text = full.replace('config_path = "configs/full.yaml"', 'config = { "data.cache" = "/full" }')
        world = World(home, database, text, only="full")
        world.run(config="configs/other.yaml")
        await world.printed("Loading 50 train, 10 val files")
        assert len(world.stops.stopped) == 1
        world.watch.ended("ap-1", "stopped")
        await world.watch.close()

    asyncio.run(scene())
