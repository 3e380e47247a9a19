"""The deployed app that the scripts of this folder call from JavaScript."""

import os
import time
from pathlib import Path

import modal

app = modal.App("js-app")


@app.function()
def add(a, b=1):
    return a + b


@app.function()
def echo(value):
    return value


@app.function()
def fail(word):
    raise ValueError(f"no {word}")


@app.function(timeout=1, startup_timeout=60)
def slow(seconds):
    time.sleep(seconds)
    return "done"


@app.function()
def wait(seconds):
    time.sleep(seconds)
    return "done"


@app.function()
def count(n):
    yield from range(n)


@app.function()
def not_cbor():
    return object()


@app.function()
def variable(name):
    return os.environ.get(name)


@app.function()
def write(path, text):
    Path(path).write_text(text)
    return sorted(file.name for file in Path(path).parent.iterdir())


@app.function()
def say(text):
    print(text, flush=True)


@app.function()
def from_queue(name):
    """Takes what JavaScript put, and puts something that it can read."""
    queue = modal.Queue.from_name(name)
    found = queue.get(timeout=10)
    queue.put({"from": "python", "found": found})
    return type(found).__name__


@app.cls()
class Greeter:
    word: str = modal.parameter(default="hello")
    times: int = modal.parameter(default=1)

    @modal.method()
    def greet(self, name):
        return " ".join([f"{self.word} {name}"] * self.times)


@app.cls()
class Plain:
    @modal.method()
    def shout(self, name):
        return name.upper()
