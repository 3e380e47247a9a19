"""Images of all jobs of the laboratory."""

from pathlib import Path

import modal

ROOT = Path(__file__).resolve().parents[1]
BASE = ["numpy", "pyyaml"]


def make_image(*extra: str, python: str = "3.11", data: bool = False) -> modal.Image:
    image = modal.Image.debian_slim(python_version=python).pip_install(*BASE, *extra)
    image = image.run_commands("mkdir -p /opt/lab && echo lab > /opt/lab/name")
    image = image.env({"LAB": "vision", "PYTHONPATH": "/root/lib"})
    image = image.add_local_python_source("infra")
    image = image.add_local_dir(ROOT / "lib", "/root/lib", ignore=["**/__pycache__/**"])
    if data:
        image = image.add_local_dir(ROOT / "labels", "/root/labels")
    return image
