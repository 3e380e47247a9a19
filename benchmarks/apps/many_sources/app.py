"""Starts a child whose environment one of many modules changed, or prints long lines, where that was asked
for."""

import subprocess
import sys

import modal

app = modal.App("many-sources")
LINES = 30
image = modal.Image.debian_slim().add_local_python_source("library")


@app.function(image=image)
def train(how: str = "kept") -> None:
    from library import environments

    if how == "lines":
        print(*["a" * 4000] * LINES, sep="\n")
        return
    changed = environments.smoke() if how == "broken" else environments.full()
    subprocess.run([sys.executable, "-c", "import time; time.sleep(1)"], env=changed, check=True)
