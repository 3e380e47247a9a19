"""Decisions by a piece of a path's name, told apart from tests of extensions, places and settings."""

import pytest

from tests.support.check import findings_of

HEAD = """
import fnmatch, os, re
from pathlib import Path
import modal

app = modal.App("train")

@app.function()
def train(config_path: str, model_path: str, config: str = "", data_dir: str = "", settings=None):
"""


def said(body: str) -> list[str]:
    text = HEAD + "\n".join(f"    {line}" for line in body.strip().splitlines()) + "\n"
    return [finding.severity for finding in findings_of({"app.py": text}, only="HP204")]


@pytest.mark.parametrize(
    "body",
    [
        'if "smoke" in config_path: print("short")',
        'if "smoke" not in config_path.lower(): print("long")',
        'limit = 50 if "smoke" in config_path else None',
        'is_smoke = "smoke" in Path(config_path).name.lower()',
        'if config_path.endswith("_smoke.yaml"): print("short")',
        'if config_path.startswith("smoke"): print("short")',
        'if re.search(r"smoke|debug", config_path): print("short")',
        'if fnmatch.fnmatch(config_path, "*smoke*"): print("short")',
        'if Path(config_path).stem == "smoke_test": print("short")',
        'name = os.path.basename(config_path)\nif "smoke" in name: print("short")',
        'name = config_path.split("/")[-1]\nif name.startswith("smoke"): print("short")',
        'if "tiny" in config: print("short")',
    ],
)
def test_a_decision_by_a_configurations_name_is_a_warning(body: str) -> None:
    assert said(body) == ["warning"]


@pytest.mark.parametrize(
    "body",
    [
        'if config_path.endswith(".yaml"): print("yaml")',
        'if config_path.endswith((".yaml", ".yml", "json")): print("yaml")',
        'if not config_path.startswith("configs/"): print("below configs")',
        'if config_path.startswith("/data"): print("absolute")',
        'if config_path.startswith("https"): print("remote")',
        'if "://" in config_path or config_path.startswith("s3:"): print("remote")',
        'if ".." in config_path: raise ValueError(config_path)',
        'if "smoke" in settings: print("a setting")',
        'cfg = dict(settings)\nif "limit_files" in cfg: print("a setting")',
        'if settings.name == "smoke": print("by what the file says")',
        'config = settings\nif config.name == "smoke": print("by what the file says")',
        'for path in Path(data_dir).iterdir():\n    if "train" in path.name: print("a data file")',
        'names = [path for path in os.listdir(data_dir) if "train" in path]',
        'if "error" in open(config_path).read(): print("by what the file says")',
    ],
)
def test_other_tests_of_paths_are_not_said(body: str) -> None:
    assert said(body) == []


def test_a_decision_by_another_path_is_a_note() -> None:
    assert said('if "llama" in model_path.lower(): print("another tokenizer")') == ["note"]


def test_it_is_found_in_a_module_and_in_a_script_that_a_child_process_runs() -> None:
    files = {
        "app.py": """
            import subprocess
            import modal

            image = modal.Image.debian_slim().add_local_file("train.py", "/root/train.py")
            app = modal.App("train", image=image)

            @app.function()
            def train(config_path: str = "a.yaml"):
                subprocess.run(["python", "/root/train.py", config_path], check=True)
            """,
        "train.py": """
            import sys

            config_path = sys.argv[1]
            if "smoke" in config_path:
                print("short")
            """,
    }
    (finding,) = findings_of(files, only="HP204")
    assert (finding.site.path.name, finding.site.line, finding.function) == ("train.py", 4, "train")
