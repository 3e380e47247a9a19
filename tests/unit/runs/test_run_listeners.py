"""Who watches a run is told of each step in time, and only a sentence of theirs may stop one."""

import json
import time
from typing import Any

import pytest

from homeport.model.errors import FailedPreconditionError
from homeport.plan.log_records import STDERR, STDOUT, encode
from tests.support.run_world import LAUNCHER, PlayRuns, RunWorld
from tests.support.world import wait_until

APP = "ap-run"


class Heard:
    """A listener that writes down what it is told. `fails`: a step, and what is raised there."""

    def __init__(self, fails: str = "", error: Exception | None = None, watches: bool = True) -> None:
        self.told: list[tuple[Any, ...]] = []
        self._fails, self._error, self._watches = fails, error, watches

    def watches(self, run_id: str, app_id: str) -> bool:
        return self._watches

    def __getattr__(self, step: str) -> Any:
        if step not in ("launched", "called", "container", "noted", "printed", "sampled", "ended"):
            raise AttributeError(step)

        def tell(run_id: str, *facts: Any) -> None:
            self.told.append((step, run_id, *facts))
            if step == self._fails and self._error is not None:
                raise self._error

        return tell

    async def acted(self, run_id: str) -> str:
        return ""

    def steps(self) -> list[str]:
        return [told[0] for told in self.told]

    def of(self, step: str) -> list[Any]:
        return [told[2:] for told in self.told if told[0] == step]


async def run_through(world: RunWorld) -> str:
    """One call, answered, and the app's end; the container."""
    call_id = world.call(world.define("train", APP).function_id, 7)
    task_id = await world.container()
    [(input_id, _, _)] = await world.take(task_id)
    world.answer(task_id, input_id)
    assert len(await world.results(call_id)) == 1
    return task_id


def test_each_step_is_told_in_order(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        heard = Heard()
        world.runs.watch.listeners.append(heard)
        world.launch(APP)
        task_id = await run_through(world)
        await world.stop(APP)
        await world.written(APP)
        assert heard.steps() == ["launched", "called", "container", "ended"]
        assert heard.of("launched") == [(LAUNCHER,)]
        [(_, name, call)] = heard.of("called")
        assert (name, call.function) == ("test", "train")
        [(told, function, variables)] = heard.of("container")
        assert (told, function, variables["HOME"].origin) == (task_id, "train", "platform")
        assert heard.of("ended") == [("succeeded",)]

    play(scene)


def test_output_and_notes_are_told_within_a_fifth_of_a_second(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        heard = Heard()
        world.runs.watch.listeners.append(heard)
        world.launch(APP)
        task_id = await run_through(world)
        log = world.home.logs / f"{task_id}.log"
        folder = world.home.tasks / task_id / "run"
        folder.mkdir()
        note = json.dumps({"at": 1.0, "pid": 2, "kind": "set", "name": "LIMIT"})
        (folder / "notes.jsonl").write_text(f"{note}\ndamaged\n" + note[:20])
        begun = time.monotonic()
        log.write_bytes(
            encode(3.0, STDOUT, b"one\ntwo") + encode(4.0, STDERR, b"x\n") + encode(5.0, STDOUT, b"!\n")
        )
        world.runtime.events.on_log(task_id)
        await wait_until(lambda: "printed" in heard.steps())
        assert time.monotonic() - begun < 0.2
        assert heard.of("printed") == [(task_id, [(3.0, "one"), (4.0, "x"), (3.0, "two!")])]
        assert [[note.name for note in notes] for (notes,) in heard.of("noted")] == [["LIMIT"]]
        assert heard.steps().index("noted") < heard.steps().index("printed"), "notes say why"
        with log.open("ab") as file:
            file.write(encode(6.0, STDOUT, b"the last"))
        await world.stop(APP)
        await world.written(APP)
        assert heard.of("printed")[-1] == (task_id, [(6.0, "the last")])
        assert heard.steps()[-1] == "ended"

    play(scene)


def test_nothing_more_is_told_of_runs_that_nobody_watches(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        heard = Heard(watches=False)
        world.runs.watch.listeners.append(heard)
        world.launch(APP)
        await run_through(world)
        await world.stop(APP)
        await world.written(APP)
        assert heard.steps() == ["launched"]

    play(scene)


@pytest.mark.parametrize("step", ["launched", "called"])
def test_a_sentence_refuses_a_step(play: PlayRuns, step: str) -> None:
    async def scene(world: RunWorld) -> None:
        world.runs.watch.listeners.append(Heard(step, FailedPreconditionError("not like this")))
        with pytest.raises(FailedPreconditionError, match="not like this"):
            world.launch(APP)
            world.call(world.define("train", APP).function_id, 7)
        assert not world.runtime.alive
        assert world.db.all("inputs_unfinished_with_calls") == []

    play(scene)


def test_a_deployment_that_is_refused_leaves_what_containers_of_the_one_before_left(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP, deployed=True)
        kept = world.runs.folders.kept(APP, "ta-1")
        kept.mkdir(parents=True)
        (kept / "task.json").write_text("{}")
        world.runs.watch.listeners.append(Heard("launched", FailedPreconditionError("It is broken.")))
        with pytest.raises(FailedPreconditionError):
            world.runs.redeploying(APP, LAUNCHER)
        assert (kept / "task.json").exists()
        assert not (world.runs.folders.folder(APP) / "launch.json").exists()

    play(scene)


def test_a_sentence_refuses_a_container(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.runs.watch.listeners.append(Heard("container", FailedPreconditionError("not like this")))
        world.launch(APP)
        call_id = world.call(world.define("train", APP).function_id, 7)
        [result] = await world.results(call_id)
        assert "not like this" in result.result.exception
        assert not world.runtime.alive

    play(scene)


@pytest.mark.parametrize("step", ["launched", "called", "container", "ended"])
def test_any_other_failure_of_a_listener_is_named_and_the_run_goes_on(play: PlayRuns, step: str) -> None:
    async def scene(world: RunWorld) -> None:
        world.runs.watch.listeners.append(Heard(step, ZeroDivisionError()))
        world.launch(APP)
        await run_through(world)
        await world.stop(APP)
        run = await world.written(APP)
        assert run.state == "succeeded"
        if step != "ended":  # by then the record is on its way
            assert run.missing == (f"What watches this run failed when it was told of its step {step!r}.",)

    play(scene)


def test_a_deployed_call_is_told_what_its_warm_container_prints_for_it(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        heard = Heard()
        world.launch(APP, deployed=True)
        definition = world.define("f", APP)
        world.publish(definition, app_id=APP, deployed=True)
        await world.deploy(APP)
        world.runs.watch.listeners.append(heard)
        for number in range(2):
            call_id = world.call(definition.function_id, number)
            task_id = await world.container()
            [(input_id, _, _)] = await world.take(task_id)
            with (world.home.logs / f"{task_id}.log").open("ab") as file:
                file.write(encode(1.0, STDOUT, b"line %d\n" % number))
            world.answer(task_id, input_id)
            await world.written(call_id)
        told = [(step, run_id[:2], facts) for step, run_id, *facts in heard.told if step == "printed"]
        assert [facts[1] for _, _, facts in told] == [[(1.0, "line 0")], [(1.0, "line 1")]]
        assert heard.steps().count("ended") == 2

    play(scene)
