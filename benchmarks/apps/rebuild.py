"""Builds images in an app that runs, as told on standard input, and says how long each took."""

import json
import sys
import time
from pathlib import Path

import modal

app = modal.App("bench-rebuild")
here = Path(sys.argv[1])


def changed(number: int) -> modal.Image:
    (here / "source.py").write_text(f"NUMBER = {number}\n")
    return base.add_local_file(here / "source.py", "/srv/source.py", copy=True)


def packages(number: int, method: str, names: list[str]) -> modal.Image:
    return getattr(base.env({"NUMBER": str(number)}), method)(*names)


def setup_s(number: int) -> float:
    """An app with a changed file that is mounted, until it runs."""
    (here / "mounted.py").write_text(f"NUMBER = {number}\n")
    other = modal.App("bench-mounted", image=base.add_local_file(here / "mounted.py", "/root/mounted.py"))
    other.function(serialized=True, name="nothing")(lambda: None)
    started = time.perf_counter()
    with other.run():
        return time.perf_counter() - started


base = modal.Image.debian_slim()
with app.run():
    base.build(app)
    print("{}", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        number = command["number"]
        if command["what"] == "mounted":
            took = setup_s(number)
        else:
            image = (
                changed(number)
                if command["what"] == "copy"
                else packages(number, command["what"], command["names"])
            )
            if command["what"] != "copy":
                base.env({"NUMBER": str(number)}).build(app)  # the layers below are there
            started = time.perf_counter()
            image.build(app)
            took = time.perf_counter() - started
        print(json.dumps({"took_s": took}), flush=True)
