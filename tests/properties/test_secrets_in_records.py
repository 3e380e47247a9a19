"""No value of a Secret that a container was given is in any file of runs/, wherever the app put it."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from modal_proto import api_pb2

from homeport.control.calls import pickled_input
from homeport.record.run import Launcher, Process
from tests.support.call_world import FAILURE, SYNC, UNARY
from tests.support.run_world import RunWorld

APP = "ap-run"
# of so many letters that none occurs by chance
VALUES = st.text('abcXYZ0189"\\/é\n =%', min_size=16, max_size=80).filter(
    lambda value: len(" ".join(value.split())) >= 12
)


@given(VALUES, st.booleans())
@settings(max_examples=12, deadline=None)
def test_no_file_of_runs_holds_a_secrets_value(value: str, deployed: bool) -> None:
    async def scene(home: Path) -> None:
        world = RunWorld(home)
        await world.open()
        try:
            await run(world, value, deployed=deployed)
        finally:
            await world.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scene(Path(folder) / "home"))


async def run(world: RunWorld, value: str, *, deployed: bool) -> None:
    """Puts the value wherever a record could take it from, and looks after each step."""
    secrets: Any = world.containers._starter._sources.secrets
    secrets.values = lambda secret_id: {"KEY": value}
    launcher = Launcher(
        ("modal", "run", "app.py", value), f"/{value}", 7, parents=(Process(6, ("sh", value)),)
    )
    world.launch(APP, launcher, deployed=deployed)
    definition = world.define("f", APP, secret_ids=["st-1"])
    world.publish(definition, app_id=APP, deployed=deployed)
    if deployed:
        await world.deploy(APP)
        await world.written(APP)
    item = api_pb2.FunctionPutInputsItem(idx=0, input=pickled_input(value, {"x": [value]}))
    call, _ = world.calls.create(definition.function_id, UNARY, SYNC, "", [item])
    task_id = await world.container()
    look(world, value)
    folder = world.home.tasks / task_id
    (folder / "run").mkdir(exist_ok=True)
    note = {"at": 1.0, "pid": 7, "kind": "child", "argv": ["login", value], "stack": []}
    (folder / "run" / "notes.jsonl").write_text(json.dumps(note) + "\n")
    config = {"path": "/app/x.yaml", "text": f"user: me\nkey: {value}\n"}
    (folder / "configs.jsonl").write_text(json.dumps(config, ensure_ascii=False) + "\n")
    [(input_id, attempt, _)] = await world.take(task_id)
    failure = api_pb2.GenericResult(status=FAILURE, exception=f"LoginError({value!r}): {value} was refused")
    world.containers.put_outputs(
        task_id,
        [api_pb2.FunctionPutOutputsItem(input_id=input_id, result=failure, retry_count=attempt)],
    )
    await world.results(call.call_id)
    world.runs._gathered.flush()
    assert all(value not in row.outcome for row in world.records.rows()), "also before its record is written"
    await world.containers.stop_app(APP)
    look(world, value)
    if not deployed:
        await world.stop(APP, f"uncaught exception raised locally: ValueError({value!r})")
    found = await world.written(call.call_id if deployed else APP)
    look(world, value)
    assert found.calls[0].arguments and found.notes and found.configs and "was refused" in found.outcome
    assert all(value not in row.outcome for row in world.records.rows())


def look(world: RunWorld, value: str) -> None:
    written = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    for file in world.home.runs.rglob("*"):
        text = file.read_text() if file.is_file() else ""
        assert not [form for form in written if form in text], (file, text)
