"""A script that a child process runs in the container, and that is not shipped.

`subprocess.run(["python", "train.py"])` finds its script in the container's working folder, or in `cwd`. Of
your files only the entry file is there, and what the image adds. Without `check=True` nobody even notices.

Bad:
    # file: app.py
    import subprocess

    import modal

    app = modal.App("script")


    @app.function()
    def train() -> None:
        subprocess.run(["python", "train.py"], check=True)
    # file: train.py
    print("trained")

Good:
    # file: app.py
    import subprocess

    import modal

    image = modal.Image.debian_slim().add_local_file("train.py", "/root/train.py")
    app = modal.App("script")


    @app.function(image=image)
    def train() -> None:
        subprocess.run(["python", "train.py"], check=True)
    # file: train.py
    print("trained")
"""

from collections.abc import Iterator

from homeport.check.facts import Facts
from homeport.check.findings import Finding
from homeport.check.opened_files import MissingFile, missing_files
from homeport.check.source_text import shown

CODE = "HP151"


def _message(missing: MissingFile, here: str) -> str:
    name = missing.function.name
    if missing.severity == "note":
        return f"cannot prove that script {missing.path} is in the container of {name}: its image may hold it"
    why = f"nothing ships {here}" if missing.source else "nothing puts one there"
    return f"script {missing.path} is not in the container of {name}: {why}"


def check(facts: Facts) -> Iterator[Finding]:
    for missing in missing_files(facts, "script"):
        name = missing.function.name
        source = missing.source
        here = shown(source, facts) if source else "..."
        yield Finding(
            CODE,
            missing.event.site,
            _message(missing, here),
            missing.severity,
            function=name,
            fix=f'Add it to the image: .add_local_file("{here}", "{missing.path}").',
            others=("Add the folder that it is in, with what it imports: .add_local_dir(...).",),
        )
