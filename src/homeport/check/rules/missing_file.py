"""A file or folder that the code opens in the container, and that is not there.

Only what the image adds, the entry file and the Volumes are in a container. A configuration that lies beside
the app where you launch is not, nor is a relative path relative to the folder that you stand in: there it is
below the image's working folder, `/root` where no step sets another, or below what `os.chdir` said.

Bad:
    # file: app.py
    import modal

    app = modal.App("config")


    @app.function()
    def train() -> None:
        with open("configs/full.yaml") as file:
            print(file.read())
    # file: configs/full.yaml
    epochs: 3

Bad:
    # file: app.py
    import os

    import modal

    app = modal.App("folder")


    @app.function()
    def train() -> None:
        os.chdir("/app")

Good:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().add_local_dir("configs", "/root/configs")
    app = modal.App("config")


    @app.function(image=image)
    def train() -> None:
        with open("configs/full.yaml") as file:
            print(file.read())
    # file: configs/full.yaml
    epochs: 3
"""

from collections.abc import Iterator

from homeport.check.facts import Facts
from homeport.check.findings import Finding
from homeport.check.opened_files import MissingFile, missing_files
from homeport.check.source_text import shown

CODE = "HP150"


def check(facts: Facts) -> Iterator[Finding]:
    for missing in missing_files(facts, "file"):
        yield _finding(facts, missing, f"file {missing.path} is not in the container of")
    for missing in missing_files(facts, "folder"):
        yield _finding(facts, missing, f"folder {missing.path} is not in the container of")


def _finding(facts: Facts, missing: MissingFile, said: str) -> Finding:
    name = missing.function.name
    source = missing.source
    here = shown(source, facts) if source else "..."
    nothing = f"nothing ships {here}" if source else "no step of the image, mount or Volume puts it there"
    if missing.what == "folder":
        fix = f'Make it first: os.makedirs("{missing.path}", exist_ok=True).'
        others = (f'Add a folder of yours there: .add_local_dir(..., "{missing.path}").',)
    else:
        fix = f'Add it to the image: .add_local_file("{here}", "{missing.path}").'
        others = ("Put it on a Volume, and open it there.",)
    return Finding(
        CODE,
        missing.event.site,
        f"{said} {name}: {nothing}",
        missing.severity,
        function=name,
        fix=fix,
        others=others,
    )
