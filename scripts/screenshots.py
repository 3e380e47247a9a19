"""Makes the pictures of docs/pages.md: a real engine, real runs of examples/fifty_files, a real Chromium.

    .venv/bin/python scripts/screenshots.py [FOLDER]

The runs are a smoke test, a full training, one into which the shell leaks BGB_LIMIT_FILES=50, and one whose
configuration lies in a folder that has "smoke" in its name, which the app takes for a smoke test.
FOLDER is docs/ by default. Takes a minute, and a few more where the image is not in uv's cache.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[1]
HOMEPORT = REPOSITORY / ".venv/bin/homeport"
SMOKE = "configs/smoke_test.yaml"
# a full configuration, but the app takes "smoke" anywhere in the path for a smoke test
ODD = "configs/before_smoke/full.yaml"
WIDTH, HEIGHT = 1280, 800
COLOURS = 128  # enough for text and thin lines
LARGEST_BYTES = 200 << 10


def main(folder: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="hps-"))
    project = home / "project"
    shutil.copytree(REPOSITORY / "examples/fifty_files", project)
    (project / ODD).parent.mkdir()
    shutil.copy(project / "configs/full.yaml", project / ODD)
    environment = {**os.environ, "HOMEPORT_HOME": str(home / "home")}
    environment.pop("BGB_LIMIT_FILES", None)
    try:
        subprocess.run([HOMEPORT, "up", "--port", "0"], env=environment, check=True)
        run(project, environment, "--config-path", SMOKE)
        run(project, environment)
        run(project, {**environment, "BGB_LIMIT_FILES": "50"})
        run(project, environment, "--config-path", ODD)
        way_in = subprocess.run(
            [HOMEPORT, "ui", "--print"], env=environment, check=True, text=True, capture_output=True
        ).stdout.strip()
        take(way_in, folder)
    finally:
        subprocess.run([HOMEPORT, "down"], env=environment, check=False)
        shutil.rmtree(home, ignore_errors=True)


def run(project: Path, environment: dict[str, str], *arguments: str) -> None:
    """One run; that some are stopped by their contract is part of the picture."""
    command = [HOMEPORT, "run", "--no-check", "app.py::train", *arguments]
    subprocess.run(command, cwd=project, env=environment, check=False)


def take(way_in: str, folder: Path) -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(way_in)
        save(page, folder / "runs-page.png", height=480)
        page.goto(way_in.partition("/login")[0] + "/runs/latest")
        save(page, folder / "run-page.png", height=1240)
        browser.close()


def save(page: Page, path: Path, *, height: int) -> None:
    """As few bytes as a picture of text needs."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path}: {size / 1024:.0f} KiB")
    assert size < LARGEST_BYTES, f"{path} is too large for the documentation"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "docs")
