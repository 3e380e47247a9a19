"""An app whose functions are called as told on stdin, one JSON object a line, with timings on stdout.

{"do": "remote", "count": N}  N warm calls: their seconds, and the CPU seconds of this process
{"do": "cold", "count": N}    N calls, each in a new container: when sent, when the function was entered
{"do": "map", "count": N}     one map over N inputs: wall and CPU seconds
"""

import json
import os
import sys
import time

import modal

app = modal.App("caller")


@app.function()
def same(x: int) -> int:
    return x


@app.function(single_use_containers=True)
def entered() -> tuple[float, str]:
    now = time.time()
    return now, os.environ["MODAL_TASK_ID"]


def remote(count: int) -> dict:
    cpu, took = time.process_time(), []
    for number in range(count):
        started = time.perf_counter()
        same.remote(number)
        took.append(time.perf_counter() - started)
    return {"seconds": took, "cpu_s": time.process_time() - cpu}


def cold(count: int) -> dict:
    calls = []
    for _ in range(count):
        sent = time.time()
        at, task_id = entered.remote()
        calls.append({"sent": sent, "entered": at, "task_id": task_id})
    return {"calls": calls}


def map_over(count: int) -> dict:
    cpu, started = time.process_time(), time.perf_counter()
    results = sum(1 for _ in same.map(range(count)))
    assert results == count
    return {"wall_s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu}


if __name__ == "__main__":
    with app.run():
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            command = json.loads(line)
            answer = {"remote": remote, "cold": cold, "map": map_over}[command["do"]](command["count"])
            print(json.dumps(answer), flush=True)
