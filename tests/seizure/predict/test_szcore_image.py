"""The SzCORE image without Docker: what its Dockerfile copies is there, and its command line works."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seizure.events import read_tsv

REPOSITORY = Path(__file__).parents[3]
DOCKERFILE = REPOSITORY / "deploy" / "szcore" / "Dockerfile"
MODEL = "deploy/szcore/model.pt"  # the builder's own checkpoint: never in the repository


def instructions():
    """(NAME, arguments) of each line, as Docker reads them."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def named(name):
    return [arguments for instruction, arguments in instructions() if instruction == name]


def image_environment():
    pairs = [pair for arguments in named("ENV") for pair in shlex.split(arguments)]
    return dict(pair.split("=", 1) for pair in pairs)


@pytest.fixture
def image(tmp_path, made):
    """The image's files below tmp_path: copied as the Dockerfile says, with a model in its place."""
    for arguments in named("COPY"):
        source, target = arguments.split()
        there = tmp_path / target.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        if source == MODEL:
            shutil.copyfile(made.referential_model, there)
        elif (REPOSITORY / source).is_dir():
            shutil.copytree(REPOSITORY / source, there, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(REPOSITORY / source, there)
    for volume in named("VOLUME"):
        (tmp_path / json.loads(volume)[0].lstrip("/")).mkdir()
    shutil.copyfile(made.referential, tmp_path / "data" / "in.edf")
    (tmp_path / "output" / "out.tsv").touch()  # as SzCORE does
    return tmp_path


def start(image, **given):
    """Runs the image's CMD with its ENV, absolute paths below `image`; only PATH comes from outside."""
    (command,) = named("CMD")
    (folder,) = named("WORKDIR")
    environment = {name: inside(image, value) for name, value in image_environment().items()} | given
    return subprocess.run(
        [inside(image, word) for word in json.loads(command)],
        cwd=inside(image, folder),
        env={
            **environment,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def inside(image, text):
    return f"{image}{text}" if text.startswith("/") else text


def test_everything_that_is_copied_exists():
    sources = [arguments.split()[0] for arguments in named("COPY")]
    assert MODEL in sources
    for source in set(sources) - {MODEL}:
        assert (REPOSITORY / source).exists(), source
    ignored = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    sent = [line[1:] for line in ignored if line.startswith("!")]
    assert all(any(source.startswith(folder) for folder in sent) for source in sources)


def test_the_image_has_szcores_environment_and_volumes():
    assert [json.loads(volume) for volume in named("VOLUME")] == [["/data"], ["/output"]]
    environment = image_environment()
    assert (environment["INPUT"], environment["OUTPUT"]) == ("", "")
    assert (environment["DATA_DIR"], environment["OUTPUT_DIR"]) == ("/data", "/output")
    assert named("USER") == ["appuser"]


def test_torch_is_the_version_that_the_modal_app_pins():
    app = (REPOSITORY / "deploy" / "modal" / "app.py").read_text()
    assert f"RUN pip install {re.search(r'torch==[0-9.]+', app)[0]}" in DOCKERFILE.read_text()


def test_the_entry_point_turns_edf_into_szcores_tsv(image):
    ended = start(image, INPUT="in.edf", OUTPUT="out.tsv")
    assert ended.returncode == 0, ended.stderr
    lines = (image / "output" / "out.tsv").read_text().splitlines()
    assert lines[0] == "onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration"
    assert read_tsv(image / "output" / "out.tsv").duration_s == 70.0
    assert "Warning" not in ended.stderr


def test_a_recording_that_cannot_be_read_leaves_a_header_alone(image):
    (image / "data" / "in.edf").write_bytes(b"nothing")
    ended = start(image, INPUT="in.edf", OUTPUT="out.tsv")
    assert ended.returncode == 1
    assert "not-edf" in ended.stderr
    assert (image / "output" / "out.tsv").read_text().splitlines() == [
        "onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration"
    ]
    assert read_tsv(image / "output" / "out.tsv").seizures == ()


def test_without_an_input_it_says_what_it_needs(image):
    ended = start(image, OUTPUT="out.tsv")
    assert ended.returncode != 0
    assert "INPUT: names an EDF file below" in ended.stderr
