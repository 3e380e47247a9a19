"""An app whose functions are called as told on stdin, one JSON object a line, with timings on stdout.

{"do": "remote", "count": N}  N warm calls: their seconds, and the CPU seconds of this process
{"do": "cold", "count": N}    N calls, each in a new container: when sent, when the function was entered
{"do": "map", "count": N}     one map over N inputs: wall and CPU seconds
{"do": "method", "count": N}  as remote, of a class's method
{"do": "queue", "count": N}   N times one put into a Queue and one get from it: the seconds of each
{"do": "at_once", "count": N} N inputs of one function, each in a container of its own, all at work together
"""

import json
import os
import sys
import time

import modal

app = modal.App("caller")
HELD_S = 4.0  # longer than all of them take to start


@app.function()
def same(x: int) -> int:
    return x


@app.function(single_use_containers=True)
def entered() -> tuple[float, str]:
    now = time.time()
    return now, os.environ["MODAL_TASK_ID"]


@app.cls()
class Same:
    @modal.method()
    def same(self, x: int) -> int:
        return x


@app.function(single_use_containers=True, cpu=0.1)
def together(held_s: float) -> tuple[float, str]:
    now = time.time()
    time.sleep(held_s)
    return now, os.environ["MODAL_TASK_ID"]


def calls_of(function: modal.Function, count: int) -> dict:
    cpu, took = time.process_time(), []
    for number in range(count):
        started = time.perf_counter()
        function.remote(number)
        took.append(time.perf_counter() - started)
    return {"seconds": took, "cpu_s": time.process_time() - cpu}


def remote(count: int) -> dict:
    return calls_of(same, count)


def method(count: int) -> dict:
    return calls_of(Same().same, count)


def at_once(count: int) -> dict:
    sent = time.time()
    found = list(together.map([HELD_S] * count))
    calls = [{"sent": sent, "entered": at, "task_id": task_id} for at, task_id in found]
    return {"calls": calls, "held_s": HELD_S}


def queue(count: int) -> dict:
    shared = modal.Queue.from_name("benchmark", create_if_missing=True)
    puts, gets = [], []
    for number in range(count):
        started = time.perf_counter()
        shared.put(number)
        between = time.perf_counter()
        assert shared.get() == number
        gets.append(time.perf_counter() - between)
        puts.append(between - started)
    return {"puts": puts, "gets": gets}


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


DO = {
    "remote": remote,
    "cold": cold,
    "map": map_over,
    "method": method,
    "queue": queue,
    "at_once": at_once,
}

if __name__ == "__main__":
    with app.run():
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            command = json.loads(line)
            answer = DO[command["do"]](command["count"])
            print(json.dumps(answer), flush=True)
