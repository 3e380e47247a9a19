"""Functions with a schedule are called at their times, while their app lives."""

import pickle
from typing import Any

from modal_proto import api_pb2

from homeport.control.schedules import Schedules
from tests.support.call_world import APP, CallWorld, Play

EVERY_5_S = api_pb2.Schedule(period=api_pb2.Schedule.Period(seconds=5.0))


class Clocked:
    """Schedules of a world whose app was deployed at 1000."""

    def __init__(self, world: CallWorld) -> None:
        self.world = world
        self.now = 1000.0
        self.schedules = Schedules(world.db, world.functions, world.calls, lambda: self.now)

    def deploy(self, **fields: Any) -> str:
        definition = self.world.define(**fields)
        self.world.publish(definition, deployed=True, at=self.now)
        self.schedules.publish(APP)
        return definition.function_id

    def until(self, now: float) -> int:
        """How many calls there are at that time."""
        self.now = now
        self.schedules.call_due()
        return len(self.world.calls.backlog.calls_of(APP))


def test_a_function_is_called_without_arguments_when_its_period_is_over(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        clocked = Clocked(world)
        clocked.deploy(schedule=EVERY_5_S)
        assert clocked.until(1004.9) == 0
        assert clocked.until(1005.0) == 1
        assert clocked.until(1009.0) == 1
        assert clocked.until(1010.1) == 2
        [(_, _, arguments)] = await world.take(await world.container())
        assert pickle.loads(arguments) == ((), {})
        clocked.schedules.close()

    play(scene)


def test_times_that_were_slept_through_are_called_once(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        clocked = Clocked(world)
        clocked.deploy(schedule=EVERY_5_S)
        assert clocked.until(1023.0) == 1
        assert clocked.until(1025.0) == 2
        clocked.schedules.close()

    play(scene)


def test_another_deployment_starts_a_period_anew_or_ends_it(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        clocked = Clocked(world)
        function_id = clocked.deploy(schedule=EVERY_5_S)
        clocked.now = 1004.0
        clocked.deploy(schedule=EVERY_5_S, existing=function_id)
        assert clocked.until(1006.0) == 0
        assert clocked.until(1009.0) == 1
        clocked.deploy(existing=function_id)
        assert clocked.until(1100.0) == 1
        clocked.schedules.close()

    play(scene)


def test_an_app_that_stopped_is_left_alone(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        clocked = Clocked(world)
        clocked.deploy(schedule=EVERY_5_S)
        clocked.schedules.forget(APP)
        assert clocked.until(1100.0) == 0
        clocked.schedules.close()

    play(scene)


def test_an_engine_that_starts_takes_the_schedules_up_and_makes_up_for_nothing(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        first = Clocked(world)
        first.deploy(schedule=EVERY_5_S)
        first.schedules.close()
        await world.restart()
        clocked = Clocked(world)
        clocked.now = 2001.0
        clocked.schedules.open()
        assert clocked.until(2004.9) == 0
        assert clocked.until(2005.0) == 1
        clocked.schedules.close()

    play(scene)
