"""Shows a count that benchmarks/contracts.py does not expect, then the time until it is ended."""

import time

import modal

app = modal.App("bench-wrong-count")


@app.function(retries=3, timeout=60)
def train():
    print(f"Loading 50 train, 10 val files at {time.time()}", flush=True)
    while True:
        time.sleep(0.01)
        print(f"alive {time.time()}", flush=True)
