"""Volumes: where they are mounted, which paths lead there, when they are committed and read again."""

import pytest

from homeport.check.findings import Finding
from tests.support.check import findings_of

HEAD = """
import os, shutil, subprocess, time
from pathlib import Path
import modal

app = modal.App("train")
data = modal.Volume.from_name("data", create_if_missing=True)
"""
VOLUMES = 'volumes={"/data": data}'


def function(body: str, options: str = VOLUMES, name: str = "train", top: str = "@app.function") -> str:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return f"\n{top}({options})\ndef {name}(run: str):\n{lines}\n"


def said(code: str, *functions: str, more: dict[str, str] | None = None) -> list[Finding]:
    return findings_of({"app.py": HEAD + "".join(functions), **(more or {})}, only=code)


def severities(found: list[Finding]) -> list[str]:
    return [finding.severity for finding in found]


# HP302: relative paths


@pytest.mark.parametrize(
    "body",
    [
        'os.listdir("data/cats")',
        'open("data/cats/1.txt").read()',
        'Path("data/cats").iterdir()',
        'Path("data", "cats").glob("*.jpg")',
        'import numpy\nnumpy.load("data/cats.npy")',
        'open(f"data/{run}/list.txt").read()',
    ],
)
def test_a_relative_path_that_is_spelled_like_the_mount(body: str) -> None:
    assert severities(said("HP302", function(body))) == ["warning"]
    assert severities(said("HP302", function(body, 'volumes={"/mnt/data": data}'))) == ["warning"]


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ('os.listdir("/data/cats")', VOLUMES),
        ('os.listdir("data/cats")', 'volumes={"/root/data": data}'),
        ('os.chdir("/")\nos.listdir("data/cats")', VOLUMES),
        ('os.chdir(run)\nos.listdir("data/cats")', VOLUMES),
        ('os.listdir("other/cats")', VOLUMES),
        ('os.listdir(os.path.join("/data", "data/cats"))', VOLUMES),
        ('os.listdir("data/cats")', VOLUMES + ', image=modal.Image.debian_slim().workdir("/")'),
        ('data.listdir("data/cats")', VOLUMES),
    ],
)
def test_paths_that_lead_to_the_volume_or_elsewhere_are_not_said(body: str, options: str) -> None:
    assert said("HP302", function(body, options)) == []


def test_a_shipped_folder_of_the_mounts_name_is_what_is_meant() -> None:
    options = VOLUMES + ', image=modal.Image.debian_slim().add_local_dir("data", "/root/data")'
    found = said("HP302", function('open("data/cats.txt").read()', options), more={"data/cats.txt": "1\n"})
    assert found == []


# HP303: commits


CHILD = 'subprocess.run(["train", "/data"], check=True)'
LONG = VOLUMES + ", timeout=7200"


def test_a_commit_after_all_went_well_is_a_note() -> None:
    assert severities(said("HP303", function(f"{CHILD}\ndata.commit()", LONG))) == ["note"]


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (f"try:\n    {CHILD}\nfinally:\n    data.commit()", LONG),
        (f"try:\n    {CHILD}\nexcept Exception:\n    data.commit()\n    raise\ndata.commit()", LONG),
        (f"for _ in run:\n    {CHILD}\n    data.commit()", LONG),
        (f"{CHILD}\ndata.commit()", VOLUMES),  # a short one is called again
        (f"{CHILD}", LONG),
        ('print("nothing is written")\ndata.commit()', LONG),
        (f"fit(on_save=data.commit)\n{CHILD}\ndata.commit()", LONG),
    ],
)
def test_commits_on_every_way_out_are_not_said(body: str, options: str) -> None:
    assert said("HP303", function(body, options)) == []


def test_a_download_is_simply_called_again() -> None:
    assert said("HP303", function(f"{CHILD}\ndata.commit()", LONG, name="download_model")) == []


# HP304: what another container commits


WRITES = function('open("/data/list.txt", "w").write("cats")\ndata.commit()', name="prepare")
READS = 'open("/data/list.txt").read()'


def test_reading_after_a_call_that_writes_is_a_warning() -> None:
    (found,) = said("HP304", WRITES, function(f"prepare.remote(run)\n{READS}"))
    assert found.severity == "warning" and "prepare" in found.message


def test_waiting_for_a_file_in_a_loop_is_a_warning() -> None:
    wait = 'while not os.path.exists("/data/done"):\n    time.sleep(5)'
    assert severities(said("HP304", function(wait))) == ["warning"]
    assert said("HP304", function(wait.replace("    time", "    data.reload()\n    time"))) == []


def test_sharing_a_volume_without_reload_is_a_note() -> None:
    assert severities(said("HP304", WRITES, function(READS))) == ["note"]


@pytest.mark.parametrize(
    "body",
    [
        f"prepare.remote(run)\ndata.reload()\n{READS}",
        f"data.reload()\n{READS}",
        'open("/data/other.txt").read()',
        f'open("/data/list.txt", "w").write("mine")\n{READS}',
        'open("/root/app.py").read()',
    ],
)
def test_what_is_reloaded_or_written_by_nobody_else_is_not_said(body: str) -> None:
    assert said("HP304", WRITES, function(body)) == []


# HP305: mounts


@pytest.mark.parametrize("path", ["/", "/root", "/root/", "/tmp", "outputs", "./outputs", "/data/../cats"])
def test_a_mount_that_the_client_refuses_is_an_error(path: str) -> None:
    found = said("HP305", function("pass", f'volumes={{"{path}": data}}'))
    assert severities(found) == ["error"]


@pytest.mark.parametrize("path", ["/data", "/root/data", "/data/", "/tmp/data", "/mnt/a/b"])
def test_a_mount_that_the_client_takes_is_not_said(path: str) -> None:
    assert said("HP305", function("pass", f'volumes={{"{path}": data}}')) == []


def test_a_mount_whose_place_is_not_known_is_left_alone() -> None:
    assert said("HP305", function("pass", "network_file_systems={settings.CACHE: data}")) == []
    assert said("HP305", function("pass", "volumes={place(): data}")) == []


def test_the_client_says_the_same_of_each() -> None:
    from modal._utils.mount_utils import validate_mount_points
    from modal.exception import InvalidError

    for path in ["/", "/root", "/root/", "/tmp", "outputs", "./outputs", "/data/../cats"]:
        with pytest.raises(InvalidError):
            validate_mount_points("Volume", {path: None})
    for path in ["/data", "/root/data", "/data/", "/tmp/data", "/mnt/a/b"]:
        validate_mount_points("Volume", {path: None})


def test_one_volume_at_two_places_is_an_error() -> None:
    assert severities(said("HP305", function("pass", 'volumes={"/a": data, "/b": data}'))) == ["error"]
    again = 'volumes={"/a": data, "/b": modal.Volume.from_name("data")}'
    assert severities(said("HP305", function("pass", again))) == ["error"]
    other = 'volumes={"/a": data, "/b": modal.Volume.from_name("other")}'
    assert said("HP305", function("pass", other)) == []


# HP306: cache folders


CONFIGS = VOLUMES + ', image=modal.Image.debian_slim().add_local_dir("configs", "/root/configs")'


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("cache: /data/c\nlimit_files: 50", "cache: /data/c\nlimit_files: null", ["warning"]),
        ("cache: /data/c\nlimit_files: 50", "cache: /data/c", ["warning"]),
        ("cache:\n  dir: c\ndata:\n  window_s: 4", "cache:\n  dir: c/\ndata:\n  window_s: 2", ["warning"]),
        ("name: a\ncache_dir: /data/c", "name: b\ncache_dir: /data/c", ["note"]),
        ("cache: /data/a\nlimit_files: 50", "cache: /data/b\nlimit_files: null", []),
        ("cache: /data/c\ntraining:\n  steps: 5", "cache: /data/c\ntraining:\n  steps: 6", []),
        ("cache: true\nlimit_files: 50", "cache: true\nlimit_files: null", []),
        ("use_cache: 1\nlimit: 50", "use_cache: 1\nlimit: 5", []),
        ("cache: [", "cache: /data/c\nlimit_files: null", []),
    ],
)
def test_configurations_that_share_a_cache(one: str, other: str, expected: list[str]) -> None:
    files = {"configs/one.yaml": one, "configs/other.yaml": other}
    assert severities(said("HP306", function("pass", CONFIGS), more=files)) == expected


# HP307: folders that are made before they are filled

NEW = 'if not os.path.exists("/data/cats"):\n    os.makedirs("/data/cats")'
FULL = 'os.path.exists("/data/cats") and len(os.listdir("/data/cats")) == 70'


@pytest.mark.parametrize(
    "body",
    [
        NEW + '\n    download("/data/cats")',
        'f = Path("/data/cats")\nif not f.exists():\n    f.mkdir()\n    for n in run:\n        make(n)',
        'if os.path.isdir("/data/cats"):\n    return\nos.makedirs("/data/cats")\nsubprocess.run(["wget"])',
        'if not os.path.exists("/data/cats"):\n    shutil.unpack_archive("c.zip", "/data/cats")',
        'd = "/data/cats"\nif os.path.exists(d):\n    pass\nelse:\n    os.makedirs(d)\n    fetch_all(d)',
    ],
)
def test_a_folder_made_before_it_is_filled_is_a_warning(body: str) -> None:
    assert severities(said("HP307", function(body))) == ["warning"]


@pytest.mark.parametrize(
    "body",
    [
        NEW,
        'os.makedirs("/data/cats", exist_ok=True)\ndownload("/data/cats")',
        NEW.replace("cats", "cats/.complete", 1) + '\n    download("/data/cats")',
        f'if not ({FULL}):\n    os.makedirs("/data/cats")\n    download("/data/cats")',
        'if not os.path.exists("/data/cats"):\n    os.makedirs("/data/part")\n    download("/data/part")\n'
        '    os.rename("/data/part", "/data/cats")',
        'if not Path("/data/cats.txt").exists():\n    Path("/data").mkdir()\n    download("/data/cats.txt")',
    ],
)
def test_folders_that_say_nothing_or_are_full_at_once_are_not_said(body: str) -> None:
    assert said("HP307", function(body)) == []
