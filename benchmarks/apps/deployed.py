"""Deploys an app and calls its function from outside as told on stdin: {"count": N}, one JSON object a line;
the seconds of each call on stdout."""

import json
import sys
import time

import modal

app = modal.App("deployed")


@app.function()
def same(x: int) -> int:
    return x


def calls(count: int) -> dict:
    function, took = modal.Function.from_name("deployed", "same"), []
    for number in range(count):
        started = time.perf_counter()
        function.remote(number)
        took.append(time.perf_counter() - started)
    return {"seconds": took}


if __name__ == "__main__":
    app.deploy()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(calls(json.loads(line)["count"])), flush=True)
