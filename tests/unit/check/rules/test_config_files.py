"""The configuration file of a function, and its keys: the harder cases, and what must not be said."""

import pytest

from homeport.check.findings import Finding
from tests.support.check import findings_of

CONFIG = """
name: smoke
training:
  steps: 10
  learning_rate: 0.1
"""


def said(
    only: str,
    *,
    body: str = "print(open(config_path).read())",
    add: str = '.add_local_dir("configs", "/root/configs")',
    run: str = "app.py --config-path configs/smoke.yaml",
    config: str = CONFIG,
    more: dict[str, str] | None = None,
    top: str = "",
) -> list[Finding]:
    files = {
        "app.py": f"""
import os
import subprocess
import sys
from pathlib import Path

import modal

{top}
image = modal.Image.debian_slim().pip_install("pyyaml"){add}
app = modal.App("any", image=image)


@app.function()
def train(config_path: str = "configs/smoke.yaml"):
    {body}
""",
        "configs/smoke.yaml": config,
        **(more or {}),
    }
    return findings_of(files, run=run, only=only)


# ---- the file


@pytest.mark.parametrize(
    ("add", "run", "expected"),
    [
        ('.add_local_dir("configs", "/root/configs")', "configs/smoke.yaml", []),
        ('.add_local_dir("configs", "/root/configs")', "/root/configs/smoke.yaml", []),
        ('.add_local_dir("configs", "/root/configs")', "./configs/smoke.yaml", []),
        ('.add_local_dir("configs", "/root/configs")', "configs/full.yaml", ["error"]),
        ('.add_local_dir("configs", "/app/configs")', "configs/smoke.yaml", ["error"]),
        ('.workdir("/app").add_local_dir("configs", "/app/configs")', "configs/smoke.yaml", []),
        ("", "configs/smoke.yaml", ["error"]),
    ],
)
def test_the_file_is_one_of_the_container(add: str, run: str, expected: list[str]) -> None:
    found = said("HP505", add=add, run=f"app.py --config-path {run}")
    assert [finding.severity for finding in found] == expected


def test_the_default_counts_where_nothing_is_given() -> None:
    assert said("HP505", add="", run="app.py")


@pytest.mark.parametrize(
    "body",
    [
        'os.chdir("/app"); print(open(config_path).read())',
        'print((Path("/app") / config_path).read_text())',
        'subprocess.run([sys.executable, "t.py", "--config", config_path], cwd="/app")',
    ],
)
def test_code_may_go_to_the_folder_first(body: str) -> None:
    assert not said("HP505", body=body, add='.add_local_dir("configs", "/app/configs")')


def test_what_is_written_is_no_configuration() -> None:
    top = ""
    files = {
        "app.py": f"""
import modal
{top}
app = modal.App("any")

@app.function()
def train(out_config: str = "result.json", report: str = "report.yaml"):
    pass
"""
    }
    assert not findings_of(files, run="app.py", only="HP505")


@pytest.mark.parametrize(("name", "expected"), [("smoke", []), ("full", ["main"])])
def test_an_entry_point_opens_files_of_the_launcher(name: str, expected: list[str]) -> None:
    files = {
        "app.py": """
            import modal

            app = modal.App("any")

            @app.function()
            def train(text: str):
                print(text)

            @app.local_entrypoint()
            def main(config: str):
                train.remote(open(config).read())
            """,
        "configs/smoke.yaml": CONFIG,
    }
    found = findings_of(files, run=f"app.py --config configs/{name}.yaml", only="HP505")
    assert [finding.function for finding in found] == expected


def test_an_entry_point_passes_the_path_on() -> None:
    files = {
        "app.py": """
            import modal

            app = modal.App("any")

            @app.function()
            def train(path: str):
                print(path)

            @app.function()
            def fit(config: str):
                print(open(config).read())

            @app.local_entrypoint()
            def main(config: str = "configs/smoke.yaml"):
                fit.remote(config)
            """,
        "configs/smoke.yaml": CONFIG,
    }
    assert [finding.function for finding in findings_of(files, run="app.py", only="HP505")] == ["fit"]


# ---- its keys

READS = (
    "import yaml; config = yaml.safe_load(open(config_path)); "
    'print(config["name"], config["training"]["steps"], config["training"].get("learning_rate"))'
)


def test_keys_that_fit() -> None:
    assert not said("HP506", body=READS)


def test_a_misspelt_key_of_the_file() -> None:
    found = said("HP506", body=READS, config=CONFIG.replace("learning_rate", "learning_rat"))
    assert [(one.severity, one.site.path.name, one.site.line, one.site.column) for one in found] == [
        ("warning", "smoke.yaml", 4, 2)
    ]
    assert "learning_rate" in found[0].message


def test_a_misspelt_key_of_the_code() -> None:
    found = said("HP506", body=READS.replace('["steps"]', '["stepz"]'))
    assert {(one.severity, one.site.path.name) for one in found} == {
        ("warning", "app.py"),
        ("warning", "smoke.yaml"),
    }


def test_a_schema_of_ones_own_reads_the_keys() -> None:
    schema = {
        "schema.py": """
            from pydantic import BaseModel

            class Training(BaseModel):
                steps: int
                learning_rate: float

            class Config(BaseModel):
                name: str
                training: Training
            """
    }
    add = '.add_local_python_source("schema").add_local_dir("configs", "/root/configs")'
    body = "import yaml, schema; schema.Config(**yaml.safe_load(open(config_path)))"
    assert not said("HP506", body=body, add=add, more=schema)
    wrong = said("HP506", body=body, add=add, more=schema, config=CONFIG.replace("steps", "setps"))
    assert [one.severity for one in wrong] == ["warning"]


def test_keys_of_a_library_are_not_ours_to_know() -> None:
    body = "import yaml, lib; lib.Trainer(**yaml.safe_load(open(config_path)))"
    assert not said("HP506", body=body)


def test_another_files_settings_are_not_held_against_it() -> None:
    top = 'import json\nSETTINGS = json.loads(Path(__file__).with_name("settings.json").read_text())'
    body = READS + '; print(SETTINGS["machine"], SETTINGS["volume"], SETTINGS["training"])'
    settings = {"settings.json": '{"machine": 1, "volume": 2, "training": 3}'}
    assert not said("HP506", body=body, top=top, more=settings)


def test_a_script_that_a_child_process_runs_reads_the_keys() -> None:
    script = {"train.py": 'import yaml\nc = yaml.safe_load(open("x"))\nprint(c["name"], c["training"])\n'}
    add = '.add_local_file("train.py", "/root/train.py").add_local_dir("configs", "/root/configs")'
    body = 'subprocess.run([sys.executable, "train.py", config_path])'
    config = "name: a\ntrainning:\n  x: 1\n"
    found = said("HP506", body=body, add=add, more=script, config=config)
    assert [one.message.split()[0] for one in found if one.severity == "warning"] == ["trainning"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.toml", 'name = "a"\n[trainig]\nsteps = 1\n'),
        ("c.json", '{\n\t"name": "a",\n\t"trainig": {"steps": 1}\n}\n'),
    ],
)
def test_toml_and_json(name: str, text: str) -> None:
    found = said(
        "HP506", body=READS, run=f"app.py --config-path configs/{name}", more={f"configs/{name}": text}
    )
    assert any("trainig" in one.message and one.severity == "warning" for one in found)


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "a: [", "plain words", "&a [*a]", "name: !!python/x 1\n"])
def test_a_file_of_another_kind_says_nothing(text: str) -> None:
    assert not [one for one in said("HP506", body="print(1)", config=text) if one.severity != "note"]


LAUNCH = """
import subprocess, sys
import modal
image = modal.Image.debian_slim().workdir("/repo").add_local_dir(".", "/repo", ignore=["conf/a.yaml"])
app = modal.App("a", image=image)
@app.function()
def go(exp: str = "conf/a.yaml"):
    %s
"""
SCRIPT = {"train.py": "print(1)\n", "conf/a.yaml": "a: 1\n", "conf/b.yaml": "a: 1\n"}


@pytest.mark.parametrize(
    ("line", "is_said"),
    [
        ('subprocess.run([sys.executable, "train.py", "--exp", exp], check=True)', True),
        ('subprocess.run(["python", "train.py", f"--exp={exp}"])', True),
        ('subprocess.run("python train.py --exp conf/a.yaml", shell=True)', True),
        ('subprocess.run(["python", "train.py", "--exp", "conf/b.yaml"])', False),
        ('subprocess.run(["python", "train.py", "--output", "conf/a.yaml"])', False),
        ('subprocess.run(["python", "train.py", "--exp", "conf/new.yaml"])', False),
        ('open("conf/a.yaml", "w").write("a"); subprocess.run(["python", "train.py", "conf/a.yaml"])', False),
    ],
)
def test_a_configuration_that_a_script_is_named_and_that_is_not_shipped(line: str, is_said: bool) -> None:
    findings = findings_of({"app.py": LAUNCH % line, **SCRIPT}, only="HP505")
    assert ["nothing ships conf/a.yaml there" in one.message for one in findings] == [True] * is_said
