"""Prints lines that hold the time at which they were printed, at irregular intervals."""

import random
import time

import modal

app = modal.App("lines")


@app.function()
def lines(count: int, interval: float) -> None:
    for _ in range(count):
        print(f"at {time.time():.6f}", flush=True)
        time.sleep(interval * random.uniform(0.5, 1.5))


@app.local_entrypoint()
def main(count: int = 20, interval: float = 0.05) -> None:
    lines.remote(count, interval)
