"""What the record of a call of a deployed app costs the engine, without gRPC and containers: its rows, in
this process, where a difference of microseconds can be seen on a busy machine, too.

Two databases, one with records, in turns. A call is made, handed to a container, answered, its result had.
"""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from modal_proto import api_pb2

from benchmarks.support.figures import Figure, more_than_without
from homeport.control import deployments
from homeport.control.calls import Calls
from homeport.control.functions import Functions
from homeport.control.runs.origins import Origin
from homeport.control.runs.runs import Runs
from homeport.control.runs.writer import RunWriter
from homeport.model.home import Home
from homeport.plan.resources import Machine
from homeport.store.database import Database

BAR_US = 50.0
BLOCK = 100
SETTLES_S = 0.4  # until rows were gathered and written, and a record of their own, if there is one
_APP = "ap-" + "D" * 22
_TASK = "ta-" + "D" * 22
_UNARY = api_pb2.FUNCTION_CALL_TYPE_UNARY
_SYNC = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC
_SUCCESS = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS


def figure(scratch: Path, rounds: int) -> Figure:
    pairs = asyncio.run(_pairs(scratch, rounds))
    name = "rows of a call's record, without gRPC and containers"
    return more_than_without(name, pairs, bar=BAR_US, unit="us", without="the call's own")


async def _pairs(scratch: Path, rounds: int) -> list[tuple[float, float]]:
    folder = Path(tempfile.mkdtemp(dir=scratch))
    recorded, plain = (
        _Engine(folder / "recorded", has_records=True),
        _Engine(folder / "plain", has_records=False),
    )
    try:
        for each in (recorded, plain):
            await each.calls_us(5 * BLOCK)  # until as few get a record of their own as later
        return [(await recorded.calls_us(BLOCK), await plain.calls_us(BLOCK)) for _ in range(rounds)]
    finally:
        for each in (recorded, plain):
            await each.close()
        shutil.rmtree(folder, ignore_errors=True)


class _Engine:
    """As much of one as calls need."""

    def __init__(self, folder: Path, *, has_records: bool) -> None:
        home = Home(folder)
        home.create()
        self._db = Database(home.database)
        functions = Functions(self._db, Machine(cpus=2, memory_mib=4096))
        self._calls = Calls(self._db, functions)
        self._db.run(
            "add_app",
            app_id=_APP,
            environment="main",
            name="deployed",
            description="deployed",
            state=api_pb2.APP_STATE_DEPLOYED,
            detached=False,
            created_at=time.time(),
            heartbeat_at=None,
            tags="{}",
        )
        made = functions.create(
            api_pb2.FunctionCreateRequest(
                app_id=_APP, function=api_pb2.Function(function_name="same", image_id="im-1")
            ),
            "1.6.4",
        )
        self._function_id = made.function_id
        published = api_pb2.AppPublishRequest(app_id=_APP, function_ids={"same": self._function_id})
        with self._db.transaction():
            deployments.add_version(self._db, published, "1.6.4", time.time())
        functions.renew(_APP)
        self._runs: Runs | None = None
        if has_records:
            self._writer = RunWriter(home, self._db)
            self._runs = Runs(home, self._db, functions, self._writer)
            self._calls.runs = self._runs
            self._calls.backlog.on_settled.append(self._runs.settled)
            self._calls.attempts.on_claimed = self._runs.claimed
            self._writer.open()

    async def calls_us(self, count: int) -> float:
        """Processor time of each of so many calls in us, with what is written of them a moment later."""
        began = time.process_time()
        for number in range(count):
            await self._call(number)
        await asyncio.sleep(SETTLES_S)
        return (time.process_time() - began) / count * 1e6

    async def _call(self, number: int) -> None:
        given = api_pb2.FunctionInput(args=str(number).encode())
        item = api_pb2.FunctionPutInputsItem(idx=0, input=given)
        origin = Origin("call", "ipv4:127.0.0.1:1")
        call, _ = self._calls.create(self._function_id, _UNARY, _SYNC, "", [item], origin=origin)
        (claimed,) = self._calls.attempts.claim(self._function_id, _TASK, 1)
        result = api_pb2.GenericResult(status=_SUCCESS)
        answer = api_pb2.FunctionPutOutputsItem(input_id=claimed.entry.input_id, result=result)
        self._calls.attempts.complete(_TASK, [answer])
        await self._calls.outputs(call.call_id, timeout_s=1)
        self._calls.clear(call.call_id)
        await asyncio.sleep(0)  # as each request has its turn

    async def close(self) -> None:
        if self._runs is not None:
            await self._runs.close()
            await self._writer.close()
        self._calls.close()
        self._db.close()
